"""What stops a command: a sentence each on stderr, and exit code 1."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import typer
from pydantic import ValidationError

from app.core.settings import SettingsError, StartError


class CommandError(Exception):
    """What was asked for cannot be done; each argument is a sentence for whoever asked."""


def variable(setting: str) -> str:
    """The environment's name of a setting."""
    return f"TICKBOX_{setting.upper()}"


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """End the process for what stops a command; a traceback would show what it was given."""
    problems: Iterable[str]
    try:
        yield
    except ValidationError as error:
        problems = explanations(error)
    except (CommandError, SettingsError, StartError) as error:
        problems = error.args
    except OSError as error:
        # Without a name it is standard output's: its disk is full, or who read it has gone.
        reason = error.strerror or str(error)
        problems = [f"cannot use {error.filename}: {reason}" if error.filename else reason]
    else:
        return
    for problem in problems:
        typer.echo(f"tickbox: {problem[:1].upper()}{problem[1:].removesuffix('.')}.", err=True)
    raise SystemExit(1)


def explanations(error: ValidationError, name: Callable[[str], str] = variable) -> Iterator[str]:
    """What is wrong with the settings, without their values: they may be secrets."""
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        yield named(name(str(problem["loc"][0])), message) if problem["loc"] else message


def named(name: str, message: str) -> str:
    """A sentence; messages of ours go on from the name."""
    return f"{name} {message}" if message[:1].islower() else f"{name}: {message}"
