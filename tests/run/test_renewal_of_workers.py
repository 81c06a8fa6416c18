"""A certificate that is renewed under several workers, and one that is no good."""

import signal
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.certificates import Authority, Files
from tests.run.conftest import Start

SECONDS = 60
IN_A_ROW = 20


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


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline


def test_is_taken_by_a_hangup(start: Start, folder: Path, tmp_path: Path) -> None:
    authority = Authority()
    context = authority.client_context()
    files = authority.issue(tmp_path)
    run = start(folder / "renewed", TICKBOX_WORKERS="2", **files.environment)
    address = run.wait_until_ready()
    assert shown(address, context) == der(files)
    before = {*run.workers()}

    authority.issue(tmp_path)
    run.process.send_signal(signal.SIGHUP)
    # There is always one that serves, and no connection is refused.
    until(lambda: shown(address, context) is not None and not before & {*run.workers()})
    until(lambda: len(run.workers()) == 2)
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
    run.process.terminate()
    assert run.end()[0] == 0
