"""`tickbox health`: what a container's HEALTHCHECK learns, and how long that may take."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.cli import probe
from app.cli.errors import CommandError
from app.core.settings import Settings
from tests.certificates import Authority
from tests.commands import environment, invoke, run
from tests.run.service import serving


@contextmanager
def answering(host: str, answer: bytes | None) -> Iterator[int]:
    """Something that answers one request with this, or never; gives its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:

        def answer_once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                if answer is None:
                    connection.recv(1)  # until whoever asked has gone
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=answer_once, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def probed(host: str, port: int) -> str:
    return probe.probe(Settings(host=host, port=port), "/livez")


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("localhost", "127.0.0.1"),
    ],
)
def test_it_asks_where_the_service_listens(host: str, asked: str) -> None:
    with answering(asked, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine") as port:
        assert probed(host, port) == "fine"


def test_an_answer_that_is_not_200_is_told() -> None:
    with (
        answering("127.0.0.1", b"HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nworse") as port,
        pytest.raises(CommandError, match=f"^port {port} on 127.0.0.1 answers 503: worse$"),
    ):
        probed("127.0.0.1", port)


def test_what_does_not_speak_http_is_not_healthy() -> None:
    with (
        answering("127.0.0.1", b"SSH-2.0-OpenSSH_9.2\r\n") as port,
        pytest.raises(CommandError, match="BadStatusLine"),
    ):
        probed("127.0.0.1", port)


def test_it_does_not_wait_for_what_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TIMEOUT", 0.05)
    with (
        answering("127.0.0.1", None) as port,
        pytest.raises(CommandError, match="TimeoutError"),
    ):
        probed("127.0.0.1", port)


def test_by_https_it_asks_by_https_whoever_the_certificate_is_for(tmp_path: Path) -> None:
    authority = Authority()
    files = authority.issue(tmp_path)
    with serving(authority.client_context(), **files.settings) as service:
        assert service.url.port is not None
        http = Settings(host="127.0.0.1", port=service.url.port)
        https = http.model_copy(update={"tls_cert": files.certificate, "tls_key": files.key})
        assert probe.probe(https, "/draining") == "false"
        with pytest.raises(CommandError, match="Nothing answers"):
            probe.probe(http, "/draining")


def test_the_command_asks_by_the_settings_and_says_it_by_its_exit_code() -> None:
    with answering("127.0.0.1", b"HTTP/1.0 200 OK\r\n\r\nalive") as port:
        done = run("health", env=environment(TICKBOX_PORT=str(port)))
    assert (done.code, done.output, done.errors) == (0, "alive\n", "")
    [refusal] = invoke("health", env=environment(TICKBOX_PORT=str(port))).refusals
    assert refusal.startswith(f"Nothing answers on port {port} on 127.0.0.1")


@pytest.mark.parametrize(("options", "path"), [((), "/livez"), (("--ready",), "/readyz")])
def test_whether_it_lives_and_whether_it_is_ready_are_two_questions(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], path: str
) -> None:
    monkeypatch.setattr(probe, "probe", lambda _settings, asked: asked)
    assert invoke("health", *options, env=environment()).output == f"{path}\n"
