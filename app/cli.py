"""The `tickbox` command: serves, migrates, and prints what it knows of itself."""

# ruff: noqa: PLC0415
# What a command needs is imported when it runs, so that a wrong setting is said at once.

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr, ValidationError

from app.core.config import Settings, SettingsError
from app.core.processes import StartError

if TYPE_CHECKING:
    from app.core.database import Database

cli = typer.Typer(
    help="Tickbox, a TODO service. `tickbox settings` lists what the environment can set.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they show local variables, and so keys and URLs
)


def main() -> None:
    """Run the command line."""
    cli()


def _variable(name: str) -> str:
    return f"TICKBOX_{name.upper()}"


def _option(name: str) -> Any:
    """What the command line says instead of a setting."""
    description = Settings.model_fields[name].description
    return typer.Option(help=f"{description} [{_variable(name)}]", show_default=False)


@cli.command()
def serve(
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[int | None, _option("port")] = None,
    tls_cert: Annotated[Path | None, _option("tls_cert")] = None,
    tls_key: Annotated[Path | None, _option("tls_key")] = None,
    proxy: Annotated[list[str] | None, _option("proxies")] = None,
) -> None:
    """Migrate the database, then serve until Ctrl-C or SIGTERM.

    An option wins over the setting that it names.
    """
    options = {
        "host": host,
        "port": port,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "proxies": proxy or None,
    }
    with _explained(), _ended_by_signals(code=0):
        given = {name: value for name, value in options.items() if value is not None}
        settings = _logging(Settings.model_validate(given))
        from app.core import serving, tls
        from app.core.metrics import Metrics

        tls.check(settings)
        metrics = Metrics()
        is_beside = settings.is_embedded and settings.metrics_port is None

        with (
            serving.bind(settings) as listener,
            serving.serve_metrics(settings, metrics),
            _servers(settings) as complete,
        ):
            _upgrade(complete)
            from app.main import create_app

            app = create_app(complete, metrics=metrics, serves_metrics=is_beside)
            serving.serve(app, complete, listener)


@cli.command()
def migrate() -> None:
    """Bring the database's schema to the newest revision, and what it holds up to it."""
    with _explained(), _ended_by_signals(code=1), _servers(_logging(Settings())) as complete:
        _upgrade(complete)


@cli.command()
def purge() -> None:
    """Delete what is kept for a while only: answers under an Idempotency-Key, after 24 hours."""
    with _explained(), _ended_by_signals(code=1), _servers(_logging(Settings())) as complete:
        from app.core import idempotency_keys
        from app.core.clock import utc_now

        count = _worked(complete, lambda database: idempotency_keys.sweep(database, utc_now))
        typer.echo(f"Idempotency keys deleted: {count}")


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from app.core.keys import new_secret_key, new_signing_key
    from app.main import create_app

    # Nothing of the environment: the document is the same wherever it is printed.
    settings = Settings.model_construct(
        database_url=SecretStr("postgresql://"),
        redis_url=SecretStr("redis://"),
        secret_key=SecretStr(new_secret_key()),
        signing_keys=SecretStr(new_signing_key()),
    )
    document = create_app(settings).openapi()
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


@cli.command()
def settings() -> None:
    """Print all settings as a Markdown table."""
    typer.echo("| Setting | Default | Meaning |\n| --- | --- | --- |")
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        typer.echo(f"| `{_variable(name)}` | {default} | {field.description} |")


def _logging(settings: Settings) -> Settings:
    """The settings, once what is logged from here on goes by them."""
    from app.core import logs

    logs.configure(settings.log_level)
    return settings


def _servers(settings: Settings) -> AbstractContextManager[Settings]:
    """The servers that are given, or the embedded ones for the length of the block."""
    if not settings.is_embedded:
        return nullcontext(settings)
    from app.core.embedded import embedded

    return embedded(settings)


def _upgrade(settings: Settings) -> None:
    """Migrate, and complete what the version before wrote, which may still run beside this one."""
    from app.core.migrations import MigrationError, upgrade

    assert settings.database_url is not None
    try:
        upgrade(settings.database_url.get_secret_value())
    except MigrationError as error:
        raise StartError(str(error)) from error
    from app.todos.unsplit import split

    _worked(settings, split)


def _worked(settings: Settings, work: Callable[["Database"], Coroutine[Any, Any, int]]) -> int:
    """Do this with the database, outside of serving; how many rows it was."""
    import asyncpg

    from app.core.database import Database
    from app.core.errors import AppError

    async def run() -> int:
        database = Database(settings)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except AppError as error:
        raise StartError(error.detail) from error
    except asyncpg.UndefinedTableError as error:
        raise StartError("The schema is behind: run `tickbox migrate` first") from error


@contextmanager
def _ended_by_signals(*, code: int) -> Iterator[None]:
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
def _explained() -> Iterator[None]:
    """What stops a start is one sentence each on stderr, and exit code 1."""
    try:
        yield
    except ValidationError as error:
        problems = list(_sentences(error))
    except (SettingsError, StartError) as error:
        problems = [str(error)]
    else:
        return
    for problem in problems:
        sentence = problem[:1].upper() + problem[1:].removesuffix(".")
        typer.echo(f"tickbox: {sentence}.", err=True)
    raise typer.Exit(1)


def _sentences(error: ValidationError) -> Iterator[str]:
    """What is wrong with the settings, without their values: they may be secrets."""
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        if problem["loc"]:
            colon = "" if problem["type"] == "value_error" else ":"
            message = f"{_variable(str(problem['loc'][0]))}{colon} {message}"
        yield message


if __name__ == "__main__":
    main()
