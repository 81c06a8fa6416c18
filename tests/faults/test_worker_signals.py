"""Workers that are killed, told to end, and replaced with a renewed certificate."""

import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import httpx
import psutil
import pytest

from tests.certificates import Authority, Files
from tests.faults.processes import Stores
from tests.run.processes import Tickbox, still_there
from tests.run.workers import SECONDS, client_of, only, until

IN_A_ROW = 20

Start = Callable[..., Tickbox]


@pytest.fixture
def start(stores: Stores, tmp_path: Path) -> Iterator[Start]:
    """Start two workers on the stores, with these settings."""
    runs: list[Tickbox] = []

    def start(**environment: str) -> Tickbox:
        settings = stores.environment | {"TICKBOX_WORKERS": "2"} | environment
        runs.append(Tickbox(tmp_path / "unused", **settings))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.communicate()


def shown(address: str, context: ssl.SSLContext) -> bytes | None:
    """The certificate that a new connection gets."""
    url = httpx.URL(address)
    with (
        socket.create_connection((url.host, url.port), timeout=SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=url.host) as encrypted,
    ):
        return encrypted.getpeercert(binary_form=True)


def der(files: Files) -> bytes:
    chain = files.certificate.read_text()
    return ssl.PEM_cert_to_DER_cert(chain[: chain.index("-----END") + 25])


def test_one_that_dies_is_replaced(start: Start) -> None:
    # The parent does not look at signals while a worker starts, which may take long here.
    settings = {"TICKBOX_SHUTDOWN_DELAY": "3", "TICKBOX_REQUEST_TIMEOUT": "60"}
    run = start(**settings)
    address = run.wait_until_ready()
    killed, other = run.workers()
    killed.kill()
    until(lambda: len({*run.workers()} - {killed}) == 2)
    assert other in run.workers()
    assert httpx.get(f"{address}/livez").status_code == 200

    # Told to end, all finish what is open, and are not ready while they do.
    url, body = httpx.URL(address), b'{"email": "ada@example.com"}'
    with client_of(other, run, address) as client:
        upload = HTTPConnection(url.host, url.port, timeout=SECONDS)
        with only(other, run):
            upload.putrequest("POST", "/v1/users")
            upload.putheader("Content-Type", "application/json")
            upload.putheader("Content-Length", str(len(body)))
            upload.endheaders(body[:1])
            httpx.get(f"{address}/livez")  # which comes after it
        servers = psutil.Process(run.process.pid).children(recursive=True)
        run.press_ctrl_c()
        until(lambda: client.get("/readyz").status_code == 503)
        assert client.get("/livez").status_code == 200
        upload.send(body[1:])
        assert upload.getresponse().status == 422  # it has no password
        upload.close()
    code, errors = run.end()
    assert code == 0
    assert still_there(servers) == []
    [said] = [line for line in errors.splitlines() if '"error"' in line]
    assert f"worker {killed.pid} has ended, or did not answer (exit code -9)" in said


def test_a_hangup_replaces_all_one_by_one(start: Start, tmp_path: Path) -> None:
    authority = Authority()
    context = authority.client_context()
    files = authority.issue(tmp_path)
    run = start(TICKBOX_SHUTDOWN_DELAY="1", **files.environment)
    address = run.wait_until_ready()
    assert shown(address, context) == der(files)
    before = {*run.workers()}

    authority.issue(tmp_path)
    run.process.send_signal(signal.SIGHUP)

    def is_rolled() -> bool:
        # There is always one that serves, and nobody is told that the service ends.
        ready = httpx.get(f"{address}/readyz", verify=context, timeout=SECONDS)
        assert ready.status_code == 200
        return len({*run.workers()}) == 2 and not before & {*run.workers()}

    until(is_rolled)
    assert {shown(address, context) for _ in range(IN_A_ROW)} == {der(files)}

    # One that is no good is not taken, and nobody ends for it.
    rolled, renewed = {*run.workers()}, der(files)
    files.key.write_bytes(b"half of it")
    run.process.send_signal(signal.SIGHUP)
    stderr = run.process.stderr
    assert stderr is not None
    until(lambda: "those that were there serve on" in stderr.readline())
    assert {*run.workers()} == rolled
    assert shown(address, context) == renewed

    # To be told to end while all are replaced once more is no less.
    authority.issue(tmp_path)
    run.process.send_signal(signal.SIGHUP)
    until(lambda: len(run.workers()) == 3)
    run.process.terminate()
    code, errors = run.end()
    assert code == 0
    assert '"error"' not in errors
