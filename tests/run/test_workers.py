"""`tickbox serve --workers 2` as its users meet it."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.core.settings import Settings
from app.server.workers import COMMAND
from tests.people import PASSWORD
from tests.run.conftest import Start
from tests.run.processes import Tickbox, assert_refused, still_there

SECONDS = 30
SCRAPES = 50


def until(is_so: Callable[[], bool]) -> None:
    """Wait for it, on what it asks of the service; not for ever."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline


def told(metrics: str, name: str, **labels: str) -> float:
    """The sum of the series of this name that have these labels."""
    text = httpx.get(metrics).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def lives(metrics: str) -> float:
    """How many requests to `/livez` were answered."""
    return told(metrics, "tickbox_http_requests_total", route="/livez")


def are_both_up(metrics: str) -> bool:
    """Whether two workers are told of, and none that has died."""
    connections = told(metrics, "tickbox_database_pool_connections_max", pool="primary")
    return connections == 2 * Settings().database_pool_size


@contextmanager
def only(worker: psutil.Process, run: Tickbox) -> Iterator[None]:
    """Nobody else takes connections."""
    others = [other for other in run.workers() if other.pid != worker.pid]
    for other in others:
        other.suspend()
    try:
        yield
    finally:
        for other in others:
            other.resume()


@contextmanager
def client_of(worker: psutil.Process, run: Tickbox, address: str) -> Iterator[httpx.Client]:
    """A client whose one connection is with this worker."""
    with httpx.Client(base_url=address, limits=httpx.Limits(max_connections=1)) as client:
        with only(worker, run):
            client.get("/livez")
        yield client


def open_connections(worker: psutil.Process, address: str) -> int:
    port = httpx.URL(address).port
    return sum(
        (c.laddr.port, c.status) == (port, psutil.CONN_ESTABLISHED)
        for c in worker.net_connections("tcp")
    )


def is_ending(client: httpx.Client) -> bool:
    answer = client.get("/readyz")
    return answer.status_code == 503 or answer.headers.get("connection") == "close"


@pytest.fixture(scope="module")
def two(start: Start, folder: Path) -> tuple[Tickbox, str]:
    """Two workers on embedded servers, for tests that leave them as they were."""
    run = start(folder / "two", TICKBOX_WORKERS="2", TICKBOX_LOG_LEVEL="warning")
    return run, run.wait_until_ready()


def test_one_answer_tells_of_both(two: tuple[Tickbox, str]) -> None:
    run, address = two
    metrics = f"{address}/metrics"
    assert are_both_up(metrics)
    before = lives(metrics)
    for sent, worker in zip((30, 20), run.workers(), strict=True):
        with client_of(worker, run, address) as client:
            for _ in range(sent - 1):  # it has sent one
                assert client.get("/livez").status_code == 200
            assert lives(metrics) - before == sent  # whoever of them is asked
        before += sent


def test_connections_that_are_kept_are_shared(two: tuple[Tickbox, str]) -> None:
    run, address = two
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(httpx.Client(base_url=address)).get("/livez")
        kept = [open_connections(worker, address) for worker in run.workers()]
    # Alone, the first to wake takes nearly all; on a busy machine a moment may not be enough.
    assert min(kept) >= 5


def test_one_that_is_stuck_is_told_of_too(two: tuple[Tickbox, str]) -> None:
    run, address = two
    stuck, _ = run.workers()
    stuck.suspend()
    try:
        begin = time.monotonic()
        assert are_both_up(f"{address}/metrics")
        assert time.monotonic() - begin < 5
    finally:
        stuck.resume()


def test_many_scrapes_at_once_all_tell_of_both(two: tuple[Tickbox, str]) -> None:
    _, address = two
    with ThreadPoolExecutor(SCRAPES) as pool:
        assert all(pool.map(are_both_up, [f"{address}/metrics"] * SCRAPES))


@pytest.mark.parametrize("how", ["session", "password", "account"])
def test_what_ended_in_one_is_refused_by_the_other(two: tuple[Tickbox, str], how: str) -> None:
    run, address = two
    first, second = run.workers()
    with client_of(first, run, address) as here, client_of(second, run, address) as there:
        email = f"{uuid4().hex}@example.com"
        here.post("/v1/users", json={"email": email, "password": PASSWORD}).raise_for_status()
        form = {"grant_type": "password", "username": email, "password": PASSWORD}

        def sign_in() -> dict[str, str]:
            token = here.post("/v1/oauth/token", data=form).raise_for_status().json()
            return {"Authorization": f"Bearer {token['access_token']}"}

        ending, mine = sign_in(), sign_in()
        assert there.get("/v1/todos", headers=ending).status_code == 200
        match how:
            case "session":
                sessions = here.get("/v1/sessions", headers=ending).json()["items"]
                [this] = [session for session in sessions if session["is_current"]]
                answer = here.delete(f"/v1/sessions/{this['id']}", headers=mine)
            case "password":
                change = {"current": PASSWORD, "new": f"{PASSWORD} {uuid4()}"}
                answer = here.post("/v1/users/me/password", headers=mine, json=change)
            case _:
                answer = here.request(
                    "DELETE", "/v1/users/me", headers=mine, json={"password": PASSWORD}
                )
        ended_at = time.monotonic()
        assert answer.status_code == 204, answer.text

        accepted_at = ended_at
        sent_at = time.monotonic()
        while there.get("/v1/todos", headers=ending).status_code == 200:
            accepted_at = sent_at
            sent_at = time.monotonic()
        assert accepted_at - ended_at < 1


def test_one_that_dies_is_replaced(start: Start, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    run = start(
        folder / "replaced",
        TICKBOX_WORKERS="2",
        TICKBOX_METRICS_PORT=str(port),
        TICKBOX_SHUTDOWN_DELAY="1",
    )
    address = run.wait_until_ready()
    metrics = f"http://127.0.0.1:{port}/metrics"
    _, ended = run.workers()
    for _ in range(2):
        [killed] = {*run.workers()} - {ended}
        killed.kill()
        until(lambda: {*run.workers()} - {ended, killed} != set())  # noqa: B023 - called here
        until(lambda: are_both_up(metrics))

    # Told to end by somebody else, and twice, one still finishes, and another one follows.
    url, body = httpx.URL(address), b'{"email": "ada@example.com"}'
    with client_of(ended, run, address) as client:
        upload = HTTPConnection(url.host, url.port, timeout=SECONDS)
        with only(ended, run):
            upload.putrequest("POST", "/v1/users")
            upload.putheader("Content-Type", "application/json")
            upload.putheader("Content-Length", str(len(body)))
            upload.endheaders(body[:1])
            httpx.get(f"{address}/livez")  # which comes after it
        ended.terminate()
        until(lambda: is_ending(client))
        ended.terminate()
        upload.send(body[1:])
        assert upload.getresponse().status == 422  # it has no password
        upload.close()
    until(lambda: ended not in run.workers())
    until(lambda: are_both_up(metrics))
    servers = psutil.Process(run.process.pid).children(recursive=True)
    run.press_ctrl_c()
    code, errors = run.end()
    assert code == 0
    assert still_there(servers) == []
    said = [line for line in errors.splitlines() if '"error"' in line]
    assert len(said) == 3
    assert "exit code -9; another follows in 0 s" in said[0]
    assert "another follows in 0.5 s" in said[1]  # whether it was ready by then or not
    assert "exit code 0; another follows in 0 s" in said[2]


def test_a_parent_that_is_killed_leaves_nothing_in_the_way(start: Start, folder: Path) -> None:
    temporary = folder / "temporary"
    temporary.mkdir()
    settings = {"TICKBOX_WORKERS": "2", "TMPDIR": str(temporary)}
    run = start(folder / "killed", **settings)
    port = str(httpx.URL(run.wait_until_ready()).port)
    workers = run.workers()
    assert len(workers) == 2
    [left] = temporary.iterdir()
    assert left.name.startswith("tickbox-metrics-")
    run.process.kill()
    run.process.wait()
    until(lambda: still_there(workers) == [])

    again = start(folder / "killed", TICKBOX_PORT=port, TICKBOX_SHUTDOWN_DELAY="60", **settings)
    address = again.wait_until_ready()
    # An end is for both of them: not ready any more, and served until the second signal.
    first, second = again.workers()
    with (
        client_of(first, again, address) as one,
        client_of(second, again, address) as other,
    ):
        assert one.get("/readyz").status_code == other.get("/readyz").status_code == 200
        again.process.terminate()
        for client in (one, other):
            while client.get("/readyz").status_code == 200:
                pass
            assert client.get("/livez").status_code == 200
        again.process.terminate()
    code, errors = again.end()
    assert code == 0
    assert '"error"' not in errors
    assert list(temporary.iterdir()) == [left]  # what an orderly end takes away


def test_it_is_ready_once(start: Start, folder: Path) -> None:
    run = start(folder / "once", TICKBOX_WORKERS="2", TICKBOX_LOG_LEVEL="error")
    run.wait_until_ready()
    run.process.terminate()
    output, errors = run.process.communicate(timeout=SECONDS)
    assert (run.process.returncode, output, errors) == (0, "", "")


def test_what_no_worker_can_do_is_said_once(start: Start, folder: Path) -> None:
    run = start(folder / "once", TICKBOX_WORKERS="2", TICKBOX_SIGNING_KEYS="none")
    assert_refused(run, "TICKBOX_SIGNING_KEYS")


def test_more_connections_than_there_are_is_refused(start: Start, folder: Path) -> None:
    assert_refused(
        start(folder / "unused", TICKBOX_WORKERS="7"), "TICKBOX_DATABASE_POOL_SIZE to 25 or less"
    )
    assert not (folder / "unused").exists()


def test_a_worker_whose_parent_died_first_says_nothing() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "app.cli", COMMAND],
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (1, "", "")
