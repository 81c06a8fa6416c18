"""The image at work: the commands of the compose file, on a real PostgreSQL and Redis."""

import os
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests import compose, servers
from tests.certificates import Authority
from tests.image.conftest import Start
from tests.image.container import STOP_SECONDS, Container, Image, run
from tests.run.processes import is_worker

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module", autouse=True)
def migrated(
    image: Image,
    stores: dict[str, str],
    sockets: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The compose file's first step, on an empty database; once more, it finds nothing to do."""
    command = compose.read(compose.new_variables())["services"]["migrate"]["command"]
    folder = tmp_path_factory.mktemp("migrate")
    for _ in range(2):
        code, said = run(image, command, folder, stores, shared=sockets)
        assert code == 0, said


def client_of(container: Container) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{container.port}", timeout=20)


def smoke(address: str) -> subprocess.CompletedProcess[str]:
    """What the README has people try a new Tickbox by."""
    command = ["sh", str(compose.ROOT / "deploy" / "smoke"), address]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_somebody_signs_up_and_finds_the_todo(start: Start) -> None:
    container = start()
    container.wait_until_healthy()
    with client_of(container) as client:
        account = {"email": "ada@example.com", "password": PASSWORD}
        assert client.post("/v1/users", json=account).status_code == 201
        form = {"grant_type": "password", "username": account["email"], "password": PASSWORD}
        token = client.post("/v1/oauth/token", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        created = client.post("/v1/todos", json={"title": "Book the train"})
        assert created.status_code == 201
        listed = client.get("/v1/todos").json()["items"]
        assert [todo["id"] for todo in listed] == [created.json()["id"]]
        # Pages that load nothing from elsewhere, from files that are in the image too.
        assert client.get("/docs").status_code == 200
        assert client.get("/readyz").json()["status"] == "ready"


async def test_the_smoke_test_passes_and_leaves_nothing(
    start: Start, stores: dict[str, str]
) -> None:
    container = start()
    container.wait_until_healthy()
    address = f"http://127.0.0.1:{container.port}"
    done = smoke(address)
    assert (done.returncode, done.stdout) == (0, f"Tickbox at {address} works.\n"), done.stderr
    database = await servers.connect(stores["TICKBOX_DATABASE_URL"])
    try:
        assert await database.fetchval("SELECT count(*) FROM users WHERE email ~ '^smoke-'") == 0
    finally:
        await database.close()


def test_the_smoke_test_fails_where_a_store_is_away(start: Start) -> None:
    container = start(TICKBOX_REDIS_URL="redis://127.0.0.1:1")
    container.wait_until_healthy()
    done = smoke(f"http://127.0.0.1:{container.port}")
    assert done.returncode != 0
    assert "503" in done.stderr


def test_it_is_process_1_of_a_user_who_can_write_to_tmp_only(start: Start) -> None:
    container = start()
    container.wait_until_healthy()
    assert set(container.init.uids()) == {10001}
    assert set(container.init.gids()) == {10001}
    status = Path(f"/proc/{container.init.pid}/status").read_text()
    assert "\nNSpid:\t" in status
    assert status.split("\nNSpid:\t")[1].split("\n")[0].split()[-1] == "1"
    assert "\nCapEff:\t0000000000000000\n" in status
    for folder, code in (("/srv/tickbox", 1), ("/opt/tickbox", 1), ("/tmp", 0)):
        assert container.execute("touch", f"{folder}/file").returncode == code


def test_sigterm_lets_an_open_request_finish(start: Start) -> None:
    container = start()
    container.wait_until_healthy()
    body = b'{"email": "bob@example.com", "password": "%s"}' % PASSWORD.encode()
    head = (
        b"POST /v1/users HTTP/1.1\r\nHost: tickbox\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    with socket.create_connection(("127.0.0.1", container.port), STOP_SECONDS) as connection:
        connection.sendall(head + body[:20])
        # It is answered after this one, so that this one's beginning was read.
        with client_of(container) as client:
            assert client.get("/livez").status_code == 200
        container.terminate()
        wait_until_refused(container.port)
        connection.sendall(body[20:])
        with connection.makefile("rb") as answer:
            assert answer.readline().startswith(b"HTTP/1.1 201 ")
    assert container.wait() == 0, container.log()


def test_idle_it_ends_at_once(start: Start) -> None:
    container = start()
    container.wait_until_healthy()
    before = time.monotonic()
    container.terminate()
    assert container.wait() == 0, container.log()
    assert time.monotonic() - before < 10  # what `docker stop` waits for


def test_health_tells_of_a_store_only_if_asked_whether_it_is_ready(start: Start) -> None:
    container = start(TICKBOX_REDIS_URL="redis://127.0.0.1:1")
    container.wait_until_healthy()
    lives = container.execute("tickbox", "health")
    assert (lives.returncode, lives.stdout) == (0, '{"status":"alive"}\n')
    ready = compose.read(compose.new_variables())["services"]["app"]["healthcheck"]["test"][1:]
    asked = container.execute(*ready)
    assert asked.returncode == 1
    assert '"cache":"failed"' in asked.stderr


def test_by_https_it_is_asked_by_https(start: Start, tmp_path: Path) -> None:
    authority = Authority()
    folder = tmp_path / "tls"
    folder.mkdir()
    files = authority.issue(folder)
    # Whoever shares them with a container sees to it that its user may read them.
    for file in (files.certificate, files.key):
        os.chown(file, 10001, 10001)
    container = start(folder, **files.environment)
    container.wait_until_healthy()
    address = f"https://127.0.0.1:{container.port}/livez"
    assert httpx.get(address, verify=authority.client_context()).json() == {"status": "alive"}


def test_metrics_have_the_port_that_is_not_published(start: Start) -> None:
    container = start()
    container.wait_until_healthy()
    address = f"http://127.0.0.1:{container.environment['TICKBOX_METRICS_PORT']}/metrics"
    assert "tickbox_build_info{" in httpx.get(address).text
    with client_of(container) as client:
        assert client.get("/metrics").status_code == 404


def test_several_workers_serve(start: Start) -> None:
    container = start(TICKBOX_WORKERS="2")
    container.wait_until_healthy()
    workers = [child for child in container.init.children() if is_worker(child)]
    assert len(workers) == 2
    done = smoke(f"http://127.0.0.1:{container.port}")
    assert done.returncode == 0, done.stderr
    container.terminate()
    assert container.wait() == 0, container.log()


def test_without_settings_it_says_what_it_needs(image: Image, tmp_path: Path) -> None:
    code, said = run(image, image.config["Cmd"], tmp_path)
    assert code == 1
    assert "TICKBOX_DATABASE_URL" in said
    assert "Traceback" not in said


def test_health_without_a_service_is_1(
    image: Image, tmp_path: Path, stores: dict[str, str]
) -> None:
    settings = stores | {"TICKBOX_PORT": "1"}
    code, said = run(image, image.config["Healthcheck"]["Test"][1:], tmp_path, settings)
    assert (code, said) == (
        1,
        "tickbox: Nothing answers on port 1 on 127.0.0.1: ConnectionRefusedError.\n",
    )


def wait_until_refused(port: int) -> None:
    """Until nothing listens there any more."""
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return
    raise AssertionError("it goes on listening")
