"""HTTPS as it is served: to clients that know a root only, and to those that mean no good."""

import asyncio
import http.client
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.core.settings import Settings
from tests.certificates import Authority, Files, pem
from tests.people import PASSWORD
from tests.run.service import Service, serving

# What a machine that is busy with other tests may add.
GRACE = 10
REQUEST = b"GET /draining HTTP/1.1\r\nHost: tickbox\r\n\r\n"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> Files:
    return authority.issue(tmp_path)


@pytest.fixture
def service(authority: Authority, files: Files) -> Iterator[Service]:
    context = authority.client_context()
    with serving(context, **files.settings) as service:
        yield service


def connect(service: Service) -> socket.socket:
    connection = socket.create_connection((service.url.host, service.url.port), timeout=GRACE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def encrypt(service: Service, connection: socket.socket) -> ssl.SSLSocket:
    assert service.context is not None
    return service.context.wrap_socket(connection, server_hostname=service.url.host)


def first_flight() -> bytes:
    """What a client sends first."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(to_client, to_server, server_hostname="localhost").do_handshake()
    return to_server.read()


def is_ended(connection: socket.socket) -> bool:
    """Whether the server has ended it; what it says before does not matter."""
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    return True


def ask(connection: ssl.SSLSocket) -> http.client.HTTPResponse:
    """The answer, when it is whole; its body was read."""
    connection.sendall(REQUEST)
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    assert answer.read() in (b"true", b"false")
    return answer


def test_no_handshake_does_harm(service: Service) -> None:
    # None at all: HTTP, garbage, zeros, a long record.
    garbage = (b"\x16\x03\x01\x00\x05hello", b"\x00" * 1000, b"\x16\x03\x03\xff\xff")
    for sent in (REQUEST, *garbage):
        with connect(service) as connection:
            connection.sendall(sent)
            assert is_ended(connection)
        assert service.is_draining() is False
    # One that its client breaks off.
    for part in (0, 1, 100, -1):
        with connect(service) as connection:
            connection.sendall(first_flight()[:part])
    assert service.is_draining() is False
    # That of a client that does not know the root is its own affair.
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(service.url.join("/draining"))
    assert service.is_draining() is False
    service.process.terminate()
    # Nothing was logged of it.
    assert service.end() == (0, ["closed", "ended"])


def test_shutdown_waits_for_open_requests_and_no_other_connections(service: Service) -> None:
    with encrypt(service, connect(service)) as kept:
        assert ask(kept).status == 200
        upload = service.open_upload()
        service.process.terminate()
        while not service.refuses():
            pass
        upload.send(b"2")
        response = upload.getresponse()
        assert (response.status, response.read()) == (200, b"2")
        upload.close()
        # Whoever keeps a connection, and does not look, is not waited for.
        since = time.monotonic()
        assert service.end() == (0, ["closed", "ended"])
        assert time.monotonic() - since < GRACE


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """That of `tickbox serve` on the tests' own servers."""
    names = ("database_url", "redis_url", "secret_key", "signing_keys")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKBOX_")}
    return clean | {
        f"TICKBOX_{name.upper()}": getattr(settings, name).get_secret_value() for name in names
    }


class TestCommand:
    async def test_serves_by_its_options(
        self, environment: dict[str, str], authority: Authority, files: Files, tmp_path: Path
    ) -> None:
        """From sign-up to a list, as a stranger would, through a proxy on this machine too."""
        options = ["--port", "0", "--proxy", "fd00::/8,10.0.0.7", "--proxy", "127.0.0.1"]
        options += ["--tls-cert", str(files.certificate), "--tls-key", str(files.key)]
        root = tmp_path / "root.pem"
        root.write_bytes(pem(authority.root))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app.cli",
            "serve",
            *options,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            url = line.decode().removeprefix("Tickbox is ready: ").removesuffix("/docs\n")
            assert url.startswith("https://127.0.0.1:")
            context = ssl.create_default_context(cafile=root)
            async with httpx.AsyncClient(base_url=url, verify=context) as client:
                email = f"ada-{os.getpid()}-{time.monotonic_ns()}@example.com"
                account = {"email": email, "password": PASSWORD}
                assert (await client.post("/v1/users", json=account)).status_code == 201
                signed_in = await client.post(
                    "/v1/oauth/token",
                    data={"grant_type": "password", "username": email, "password": PASSWORD},
                    headers={"X-Forwarded-For": "198.51.100.66, 203.0.113.7"},
                )
                token = signed_in.json()["access_token"]
                client.headers["Authorization"] = f"Bearer {token}"
                [session] = (await client.get("/v1/sessions")).json()["items"]
                assert session["network"] == "203.0.113.7"
                listed = await client.get("/v1/todos")
                assert listed.json()["items"] == []
                assert listed.headers["strict-transport-security"] == "max-age=31536000"
                plain = await client.get("/livez", headers={"X-Forwarded-Proto": "http"})
                assert "strict-transport-security" not in plain.headers
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 30) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
