"""What the commands of `tickbox` share: how they end, and what they say when they cannot go on."""

# ruff: noqa: PLC0415
# What a command needs is imported when it runs, so that a wrong setting is said at once.

import asyncio
import errno
import re
import signal
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from pydantic import ValidationError

from app.core.config import Settings, SettingsError
from app.core.output import Unprinted
from app.core.processes import StartError

if TYPE_CHECKING:
    from app.core.database import Database

_T = TypeVar("_T")
_VARIABLE = re.compile("TICKBOX_[A-Z_]+")


class Refusal(Exception):
    """What was asked for cannot be done; each of `problems` is a sentence for whoever asked."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


def variable(name: str) -> str:
    """The environment's name of a setting."""
    return f"TICKBOX_{name.upper()}"


def logging(settings: Settings) -> Settings:
    """The settings, once what is logged from here on goes by them."""
    from app.core import logs

    logs.configure(settings.log_level)
    return settings


def servers(settings: Settings, *, alone: bool = False) -> AbstractContextManager[Settings]:
    """The servers that are given, or embedded ones for the length of the block.

    Where a Tickbox runs on the data folder, its servers will do, unless this is to be `alone`.
    """
    if not settings.is_embedded:
        return nullcontext(settings)
    from app.core.embedded import embedded, shared

    return embedded(settings) if alone else shared(settings)


def worked(settings: Settings, work: Callable[["Database"], Coroutine[Any, Any, _T]]) -> _T:
    """Do this with the database, outside of serving. Raises `StartError`."""
    import asyncpg

    from app.core.database import Database
    from app.core.errors import AppError, Unavailable

    async def run() -> _T:
        database = Database(settings)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except Unavailable as error:
        raise StartError(f"{error.detail}: `tickbox doctor` says more") from error
    except AppError as error:
        raise Refusal(*_problems(error)) from error
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        raise StartError("The schema is behind: run `tickbox migrate` first") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise StartError(
            "The database's user may not use the tables: `tickbox doctor` says more"
        ) from error


def _problems(error: Any) -> Iterable[str]:
    """What an `AppError` says of a command's input."""
    fields = [_said(f"the {field.pointer[1:]}", field.message) for field in error.errors]
    return fields or [error.detail]


def _said(name: str, message: str) -> str:
    """Messages that are made here go on from the name."""
    return f"{name} {message}" if message[:1].islower() else f"{name}: {message}"


@contextmanager
def ended_by_signals(*, code: int) -> Iterator[None]:
    """Outside of serving too, a signal ends in order what was started; gives the exit code."""
    ends = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        ends.append(signal.SIGHUP)

    def end(_number: int, _frame: FrameType | None) -> None:
        # Once is enough: all is taken down now, and that is not to be cut off.
        for number in ends:
            signal.signal(number, signal.SIG_IGN)
        # Not KeyboardInterrupt: CPython may end by SIGINT for one although it was caught.
        raise SystemExit(code)

    handlers = {number: signal.signal(number, end) for number in ends}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def explained(options: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """What stops a command is one sentence each on stderr, and exit code 1.

    Variables for which there are `options` are called by those.
    """
    problems: Iterable[str]
    try:
        yield
    except ValidationError as error:
        problems = list(sentences(error))
    except (SettingsError, StartError) as error:
        problems = [str(error)]
    except Refusal as error:
        problems = error.problems
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
    # Not typer's own: there may be nothing of typer's around.
    raise SystemExit(1)


def sentences(error: ValidationError, name: Callable[[str], str] = variable) -> Iterator[str]:
    """What is wrong with the settings, without their values: they may be secrets."""
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "string_pattern_mismatch":
            message = "is not of the form that is asked for"
        yield _said(name(str(problem["loc"][0])), message) if problem["loc"] else message
