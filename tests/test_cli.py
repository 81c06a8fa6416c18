"""The commands that need no server, and what all of them have in common."""

import json
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from app.cli import cli
from tests.commands import environment, run

GROUP = typer.main.get_command(cli)
assert isinstance(GROUP, typer.core.TyperGroup)
COMMANDS = [name for name, command in GROUP.commands.items() if not command.hidden]


def test_version() -> None:
    done = run("--version", env=environment())
    assert (done.code, done.output) == (0, f"Tickbox {version('tickbox')}\n")


def test_help_names_every_command() -> None:
    done = run("--help", env=environment(COLUMNS="200", NO_COLOR="1", TERM="dumb"))
    assert done.code == 0
    assert {"serve", "health", "user"} <= {*COMMANDS}
    assert [name for name in COMMANDS if f" {name} " not in done.output] == []


@pytest.mark.parametrize("arguments", [("serv",), ("user", "crate"), ("doctor", "--jsno")])
def test_what_is_no_command_is_said_so(arguments: tuple[str, ...]) -> None:
    done = run(*arguments, env=environment())
    assert (done.code, done.output) == (2, "")
    assert arguments[-1] in done.errors


class TestOpenapi:
    def test_is_the_same_everywhere(self, tmp_path: Path) -> None:
        path = tmp_path / "openapi.json"
        written = run("openapi", "--output", str(path), env=environment())
        assert (written.code, written.output, written.errors) == (0, "", "")
        # Another environment, whose encoding has no ellipsis.
        elsewhere = environment(
            TICKBOX_PORT="nonsense", PYTHONIOENCODING="ascii", PYTHONHASHSEED="7"
        )
        printed = run("openapi", env=elsewhere)
        assert (printed.code, printed.errors) == (0, "")
        assert printed.output.encode() == path.read_bytes()
        document = json.loads(printed.output)
        assert document["info"]["version"] == version("tickbox")
        assert "/v1/todos" in document["paths"]

    def test_where_it_cannot_be_written(self, tmp_path: Path) -> None:
        path = tmp_path / "none" / "openapi.json"
        [refusal] = run("openapi", "--output", str(path), env=environment()).refusals
        assert refusal == f"{path} cannot be written: No such file or directory."
