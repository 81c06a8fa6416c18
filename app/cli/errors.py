"""What stops a command: one sentence each on stderr, and exit code 1."""

import errno
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType

import typer
from pydantic import ValidationError

from app.cli.output import Unprinted
from app.core.settings import SettingsError, StartError

_VARIABLE = re.compile("TICKBOX_[A-Z_]+")


class CommandError(Exception):
    """What was asked for cannot be done; each argument is a sentence for whoever asked."""


def variable(setting: str) -> str:
    """The environment's name of a setting."""
    return f"TICKBOX_{setting.upper()}"


@contextmanager
def errors_as_sentences(options: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """End the process for what stops a command; a traceback would show what it was given.

    Variables for which there are `options` are called by those.
    """
    problems: Iterable[str]
    try:
        yield
    except ValidationError as error:
        problems = list(explanations(error))
    except (CommandError, SettingsError, StartError) as error:
        problems = error.args
    except Unprinted as error:
        if error.errno == errno.EPIPE:
            # Who read has seen enough: typer ends without a word, as others do.
            raise
        problems = [f"what it prints cannot be written to standard output: {error.strerror}"]
    else:
        return
    with suppress(OSError):  # there may be no stderr either
        for problem in problems:
            named = _VARIABLE.sub(lambda found: options.get(found[0], found[0]), problem)
            sentence = named[:1].upper() + named[1:].removesuffix(".")
            typer.echo(f"tickbox: {sentence}.", err=True)
    raise SystemExit(1)


def explanations(error: ValidationError, name: Callable[[str], str] = variable) -> Iterator[str]:
    """What is wrong with the settings, without their values: they may be secrets."""
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "string_pattern_mismatch":
            message = "is not of the form that is asked for"
        yield named(name(str(problem["loc"][0])), message) if problem["loc"] else message


def named(name: str, message: str) -> str:
    """A sentence; messages of ours go on from the name."""
    return f"{name} {message}" if message[:1].islower() else f"{name}: {message}"
