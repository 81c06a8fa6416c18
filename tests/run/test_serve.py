"""`tickbox serve` as its users meet it: a process, its output, its exit code."""

import asyncio
import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from app.embedded.keys import new_secret_key, new_signing_key
from tests import commands
from tests.run.conftest import Start
from tests.run.processes import NO_SERVERS, PASSWORD, assert_refused, still_there


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    return {
        "TICKBOX_SECRET_KEY": new_secret_key(),
        "TICKBOX_SIGNING_KEYS": new_signing_key(),
    }


def execute(data_dir: Path, sql: str) -> str | None:
    async def ask() -> str | None:
        connection = await asyncpg.connect(
            host=str((data_dir / "sockets").resolve()), user="postgres", database="tickbox"
        )
        try:
            value: str | None = await connection.fetchval(sql)
            return value
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_one_folder_through_starts_and_ends(start: Start, folder: Path) -> None:
    data_dir = folder / "data"

    # The first start makes all; two more Tickboxes find the folder and the port taken.
    first = start(data_dir)
    address = first.wait_until_ready()
    alive = httpx.get(f"{address}/livez")
    assert alive.status_code == 200
    assert "date" in alive.headers
    assert "server" not in alive.headers
    execute(data_dir, "CREATE TABLE marks (mark text)")
    execute(data_dir, "INSERT INTO marks VALUES ('kept')")
    port = str(httpx.URL(address).port)
    same_folder = start(data_dir)
    same_port = start(folder / "other", TICKBOX_PORT=port)
    assert_refused(same_folder, rf"Another Tickbox \(process {first.process.pid}\) uses the data")
    assert_refused(same_port, rf"Port {port} on 127\.0\.0\.1 cannot be")
    assert not (folder / "other").exists()

    # Killed, it leaves servers behind; the next start ends them and finds the data.
    left = psutil.Process(first.process.pid).children(recursive=True)
    assert {"postgres", "valkey-server"} <= {process.name() for process in left}
    first.process.kill()
    first.end()
    quiet = {"TICKBOX_LOG_LEVEL": "error"}  # Redis is slow on a busy machine, which is said
    second = start(data_dir, **quiet)
    address = second.wait_until_ready()
    assert still_there(left) == []
    assert execute(data_dir, "SELECT mark FROM marks") == "kept"
    servers = psutil.Process(second.process.pid).children(recursive=True)
    second.press_ctrl_c()
    assert second.end() == (0, "")
    assert still_there(servers) == []

    # Ended in order, it starts again as well, here on the same port at once.
    quiet |= {"TICKBOX_PORT": str(httpx.URL(address).port)}
    third = start(data_dir, TICKBOX_SHUTDOWN_DELAY="0.5", **quiet)
    address = third.wait_until_ready()
    with httpx.Client(base_url=address) as client:
        assert client.get("/readyz").status_code == 200
        assert execute(data_dir, "SELECT mark FROM marks") == "kept"
        servers = psutil.Process(third.process.pid).children(recursive=True)
        third.process.terminate()
        while client.get("/readyz").status_code == 200:
            pass
        assert client.get("/readyz").status_code == 503
        assert client.get("/livez").status_code == 200
    assert third.end() == (0, "")
    assert still_there(servers) == []


def test_ended_while_it_starts_leaves_nothing(start: Start, folder: Path) -> None:
    data_dir = folder / "interrupted"
    run = start(data_dir)
    while not (data_dir / "postgres").exists():  # initdb comes next
        with pytest.raises(subprocess.TimeoutExpired):
            run.process.wait(timeout=0.01)
    run.process.terminate()
    assert run.end() == (-signal.SIGTERM, "")
    left = [p for p in psutil.process_iter(["cwd"]) if str(data_dir) in (p.info["cwd"] or "")]
    _, alive = psutil.wait_procs(left, timeout=10)
    assert alive == []


@pytest.mark.parametrize(
    ("reason", "environment"),
    [
        ("TICKBOX_SECRET_KEY is missing", NO_SERVERS),
        ("TICKBOX_SECRET_KEY is weak", NO_SERVERS | {"TICKBOX_SECRET_KEY": PASSWORD * 3}),
        ("are set together", {"TICKBOX_DATABASE_URL": NO_SERVERS["TICKBOX_DATABASE_URL"]}),
        ("TICKBOX_PORT: ", {"TICKBOX_PORT": PASSWORD}),
        (
            "or set TICKBOX_METRICS_HOST and TICKBOX_METRICS_PORT to",
            {"TICKBOX_PORT": "18777", "TICKBOX_METRICS_PORT": "18777"},
        ),
        ("or set TICKBOX_HOST and TICKBOX_PORT to", {"TICKBOX_HOST": "no such host"}),
        ("Not a directory", {"TICKBOX_DATA_DIR": f"{__file__}/data"}),
        ("TICKBOX_TLS_KEY are set together", {"TICKBOX_TLS_CERT": __file__}),
        (
            "TICKBOX_TLS_CERT and TICKBOX_TLS_KEY cannot be used",
            {"TICKBOX_TLS_CERT": "x", "TICKBOX_TLS_KEY": "x"},
        ),
        (
            "TICKBOX_TLS_CERT and TICKBOX_TLS_KEY cannot be used",
            {"TICKBOX_TLS_CERT": __file__, "TICKBOX_TLS_KEY": __file__},
        ),
        ("TICKBOX_PROXIES value is not a valid", {"TICKBOX_PROXIES": "10.0.0.7, *"}),
        ("TICKBOX_CORS_ORIGINS holds", {"TICKBOX_CORS_ORIGINS": "*"}),
    ],
)
@pytest.mark.timeout(60)  # one that were not refused would serve
def test_wrong_setting_is_one_sentence(
    folder: Path, reason: str, environment: dict[str, str]
) -> None:
    given = {"TICKBOX_DATA_DIR": str(folder / "unused"), "TICKBOX_PORT": "0"} | environment
    [refusal] = commands.invoke("serve", env=commands.environment(None, **given)).refusals
    assert reason in refusal
    assert PASSWORD not in refusal
    assert not (folder / "unused").exists()


@pytest.mark.parametrize(
    ("reason", "options", "environment"),
    [
        ("TICKBOX_PORT: ", ["--port", "70000"], {"TICKBOX_PORT": "8000"}),
        ("TICKBOX_WORKERS: ", ["--workers", "0"], {}),
        ("on nowhere.invalid cannot be listened on", ["--host", "nowhere.invalid"], {}),
        (
            "TICKBOX_TLS_CERT and TICKBOX_TLS_KEY cannot be used",
            ["--tls-cert", __file__, "--tls-key", __file__],
            {},
        ),
        (
            "TICKBOX_TLS_CERT and TICKBOX_TLS_KEY cannot be used",
            ["--tls-key", __file__],
            {"TICKBOX_TLS_CERT": __file__},
        ),
        ("TICKBOX_PROXIES value is not a valid", ["--proxy", "*"], {}),
    ],
)
@pytest.mark.timeout(60)
def test_an_option_wins_over_the_setting_that_it_names(
    reason: str, options: list[str], environment: dict[str, str], folder: Path
) -> None:
    env = commands.environment(None, TICKBOX_DATA_DIR=str(folder / "unused"), **environment)
    [refusal] = commands.invoke("serve", *options, env=env).refusals
    assert reason in refusal


def test_database_that_refuses(start: Start, folder: Path, secrets: dict[str, str]) -> None:
    run = start(folder / "unused", **NO_SERVERS, **secrets)
    assert_refused(run, "database at 127.0.0.1 cannot be migrated")
    assert not (folder / "unused").exists()


def test_database_that_never_answers(secrets: dict[str, str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql+asyncpg://tickbox:{PASSWORD}@127.0.0.1:{port}/tickbox"
        given = NO_SERVERS | secrets | {"TICKBOX_DATABASE_URL": url, "TICKBOX_PORT": "0"}
        given["TICKBOX_STATEMENT_TIMEOUT"] = "0.2"
        [refusal] = commands.invoke("serve", env=commands.environment(None, **given)).refusals
    assert "database at 127.0.0.1 cannot be migrated" in refusal
    assert PASSWORD not in refusal


def test_every_wrong_setting_is_named() -> None:
    env = commands.environment(None, TICKBOX_PORT="70000", TICKBOX_LOG_LEVEL="loud")
    refusals = commands.invoke("serve", env=env).refusals
    names = [refusal.partition(":")[0] for refusal in refusals]
    assert names == ["TICKBOX_PORT", "TICKBOX_LOG_LEVEL"]
