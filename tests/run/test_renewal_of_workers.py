"""A certificate that is renewed under several workers, and one that is no good."""

import socket
import ssl
import time
from pathlib import Path

import httpx

from tests.certificates import Authority, Files
from tests.run.conftest import Start

SECONDS = 30
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


def test_is_taken_by_all_and_kept_for_who_follows(
    start: Start, folder: Path, tmp_path: Path
) -> None:
    authority = Authority()
    context = authority.client_context()
    files = authority.issue(tmp_path)
    run = start(
        folder / "renewed",
        TICKBOX_WORKERS="2",
        TICKBOX_LOG_LEVEL="info",
        **files.environment,
    )
    address = run.wait_until_ready()
    assert shown(address, context) == der(files)

    authority.issue(tmp_path)
    renewed = der(files)
    deadline, seen = time.monotonic() + SECONDS, 0
    # By both of them, whoever takes the connection, and known to their parent.
    while seen < IN_A_ROW:
        assert time.monotonic() < deadline
        seen = seen + 1 if shown(address, context) == renewed else 0

    files.key.write_bytes(b"half of it")
    for _ in range(2):
        killed, other = run.workers()
        killed.kill()
        deadline = time.monotonic() + SECONDS
        while len({*run.workers()} - {killed}) < 2:
            assert time.monotonic() < deadline
        other.suspend()
        try:
            # So it is the successor that shows it.
            assert shown(address, context) == renewed
            answer = httpx.get(f"{address}/livez", verify=context)
            assert answer.status_code == 200
        finally:
            other.resume()
    run.process.terminate()
    code, errors = run.end()
    assert code == 0
    assert errors.count("exit code -9") == errors.count("another follows") == 2
    assert "the certificate in use stays, the new one is not taken: TICKBOX_TLS_KEY" in errors
