"""Canaries in the settings and on standard input: no command says them, however it fails."""

import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from app.embedded.keys import new_secret_key, new_signing_key
from tests.cli.doctor.examined import CANARY
from tests.commands import Run, environment, invoke, run
from tests.people import PASSWORD

COMMANDS = {
    "serve": ["serve"],
    "migrate": ["migrate"],
    "purge": ["purge"],
    "create": ["user", "create", "--email", "ada@example.com", "--password-stdin"],
    "doctor": ["doctor"],
}


def refuse(connection: socket.socket) -> None:
    """PostgreSQL's own way, and it says what it was told."""
    fields = f"SFATAL\0VFATAL\0C28P01\0Mno {CANARY}\r\nno\0\0".encode()
    connection.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)


def speak_http(connection: socket.socket) -> None:
    connection.sendall(f"HTTP/1.1 400 {CANARY}\r\n\r\n".encode())


def hang_up(_: socket.socket) -> None:
    pass


@pytest.fixture
def port(answer: Callable[[socket.socket], None] | None) -> Iterator[int]:
    """Of a server that answers so once somebody has spoken; of none, for None."""
    if answer is None:
        yield 1
        return
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.recv(4096)
                    answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


# All of them reach the store by the same way: what it answers differs for one of them, and for two
# the process is its own, where warnings and logs are as users have them.
@pytest.mark.parametrize(
    ("command", "answer", "start"),
    [
        ("serve", refuse, run),
        ("doctor", refuse, run),
        *((command, refuse, invoke) for command in ("migrate", "purge", "create")),
        *(("migrate", answer, invoke) for answer in (speak_http, hang_up, None)),
    ],
)
def test_a_store_that_refuses(
    command: str, port: int, start: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    env = environment(
        TICKBOX_DATABASE_URL=f"postgresql://{CANARY}:{CANARY}@127.0.0.1:{port}/{CANARY}",
        TICKBOX_REDIS_URL=f"redis://{CANARY}:{CANARY}@127.0.0.1:{port}",
        TICKBOX_SECRET_KEY=f"{CANARY} {new_secret_key()}",
        TICKBOX_SIGNING_KEYS=new_signing_key(),
        TICKBOX_PORT="0",
        TICKBOX_LOG_LEVEL="debug",
        PYTHONWARNINGS="default",
    )
    caplog.set_level(logging.DEBUG)
    done = start(*COMMANDS[command], env=env, typed=f"{PASSWORD} {CANARY}")
    assert done.code == 1
    said = done.output + done.errors + caplog.text
    assert "geheim" not in said
    assert "Traceback" not in said
    assert PASSWORD not in said
    refusals = [line for line in done.errors.splitlines() if line.startswith("tickbox: ")]
    assert len(refusals) == (command != "doctor")


def test_warnings_are_lines_without_their_text() -> None:
    program = (
        "from app.observability import logs; import warnings; logs.configure('info'); "
        f"warnings.warn({CANARY!r}, stacklevel=1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    entry = json.loads(done.stderr)
    assert entry["event"] == "UserWarning at <string>:1"
    assert "geheim" not in done.stderr


@pytest.mark.parametrize("colors", [True, False])
def test_on_a_terminal_it_is_for_people(colors: bool) -> None:
    """Of what came by the network nothing reaches it that it would obey."""
    program = (
        "from app.observability import logs; import logging; logs.configure('info'); "
        "logging.getLogger('app').info('first\\nsecond \\x1b[31m%s', 'third\\r')"
    )
    env = environment(TERM="xterm", NO_COLOR="" if colors else "1")
    terminal = "import pty, sys; pty.spawn(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", terminal, sys.executable, "-c", program],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = done.stdout.strip().splitlines()
    assert "first\\nsecond \\x1b[31mthird\\r" in line
    assert ("\x1b[" in line) == colors
