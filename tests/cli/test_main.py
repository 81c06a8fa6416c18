"""The commands that need no server, and what all of them have in common."""

import json
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from app.cli.main import cli
from app.core.settings import Settings
from tests.commands import SECONDS, environment, invoke, run

GROUP = typer.main.get_command(cli)
assert isinstance(GROUP, typer.core.TyperGroup)
COMMANDS = [name for name, command in GROUP.commands.items() if not command.hidden]


def test_version() -> None:
    done = run("--version", env=environment())
    assert (done.code, done.output) == (0, f"Tickbox {version('tickbox')}\n")


def test_help_names_every_command() -> None:
    done = invoke("--help", env=environment(COLUMNS="200", NO_COLOR="1", TERM="dumb"))
    assert done.code == 0
    assert {"serve", "health", "user"} <= {*COMMANDS}
    assert [name for name in COMMANDS if f" {name} " not in done.output] == []


@pytest.mark.parametrize("arguments", [("serv",), ("user", "crate"), ("doctor", "--jsno")])
def test_what_is_no_command_is_said_so(arguments: tuple[str, ...]) -> None:
    done = invoke(*arguments, env=environment())
    assert (done.code, done.output) == (2, "")
    assert arguments[-1] in done.errors


class TestOutput:
    """Standard output that takes nothing."""

    @pytest.mark.skipif(
        not Path("/dev/full").exists(), reason="only Linux has a device that is always full"
    )
    def test_that_is_full_is_said_so(self) -> None:
        done = run("--version", env=environment(), redirected="> /dev/full")
        assert done.code != 0
        assert done.errors.startswith("tickbox: No space left on device.\n")
        assert "Traceback" not in done.errors

    def test_is_nothing_that_serving_needs(self, settings: Settings) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        env = environment(settings, TICKBOX_PORT=port)
        shell = ("sh", "-c", 'exec "$@" >&-', "sh")
        with subprocess.Popen(
            [*shell, sys.executable, "-m", "app.cli", "serve"], env=env
        ) as serving:
            try:
                deadline = time.monotonic() + SECONDS
                while invoke("health", "--ready", env=env).code != 0:
                    assert serving.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                serving.terminate()
                assert serving.wait(SECONDS) == 0
            finally:
                serving.kill()

    def test_whose_reader_has_gone_is_no_news(self) -> None:
        # `head` ends after a line; the rest is more than a pipe holds.
        done = run("openapi", env=environment(), redirected="| head -n 1")
        assert (done.output, done.errors) == ("{\n", "")


class TestOpenapi:
    def test_is_the_same_everywhere(self) -> None:
        first = invoke("openapi", env=environment())
        assert (first.code, first.errors) == (0, "")
        # Another environment, whose encoding has no ellipsis.
        elsewhere = environment(
            TICKBOX_PORT="nonsense", PYTHONIOENCODING="ascii", PYTHONHASHSEED="7"
        )
        printed = run("openapi", env=elsewhere)
        assert (printed.code, printed.errors) == (0, "")
        assert printed.output == first.output
        document = json.loads(printed.output)
        assert document["info"]["version"] == version("tickbox")
        assert "/v1/todos" in document["paths"]
