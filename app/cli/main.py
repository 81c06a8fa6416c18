"""The `tickbox` command: serves, migrates, and prints what it knows of itself."""

# ruff: noqa: PLC0415
# What a command needs is imported when it runs: all of it takes a second of CPU, and `health` runs
# often.

import json
import os
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from app.cli.errors import errors_as_sentences, variable
from app.core.settings import Settings

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they show local variables, and so keys and URLs
)
user = typer.Typer(help="Accounts.", no_args_is_help=True)
cli.add_typer(user, name="user")


def main() -> None:
    """Run the command line."""
    with errors_as_sentences():
        cli()


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"Tickbox {version_of('tickbox')}")
        raise typer.Exit


@cli.callback()
def _tickbox(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Tickbox, a TODO service. `tickbox settings` lists what the environment can set."""


def _option(name: str, *spellings: str) -> Any:
    """What the command line says instead of a setting."""
    text = f"{Settings.model_fields[name].description} [{variable(name)}]"
    return typer.Option(*spellings, help=text, show_default=False)


def _configured(**options: Any) -> Settings:
    """The settings, of which these win over the environment; logs go by them from here on."""
    from app.observability import logs

    settings = Settings.model_validate(options)
    logs.configure(settings.log_level)
    return settings


@cli.command()
def serve(
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[int | None, _option("port")] = None,
    workers: Annotated[int | None, _option("workers")] = None,
    tls_cert: Annotated[Path | None, _option("tls_cert")] = None,
    tls_key: Annotated[Path | None, _option("tls_key")] = None,
    proxies: Annotated[list[str] | None, _option("proxies", "--proxy")] = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start anew when a file of it changes, to develop it.")
    ] = False,
) -> None:
    """Migrate the database, then serve until Ctrl-C or SIGTERM.

    An option wins over the setting that it names.
    """
    options = {**locals(), "proxies": ",".join(proxies or ()) or None}
    settings = _configured(**{name: value for name, value in options.items() if value is not None})
    from app.cli.serve import run

    run(settings, reload=reload)


@cli.command()
def migrate() -> None:
    """Bring the database's schema to the newest revision, and what it holds up to it."""
    from app.cli.database import stores, upgrade

    with stores(_configured()) as settings:
        upgrade(settings)


@cli.command()
def purge() -> None:
    """Do what `tickbox serve` does once an hour, and say how much of each there was.

    Answers under an Idempotency-Key after 24 hours, refresh tokens once they have expired,
    sessions 30 days after their last use, what nobody sees since an account was deleted, what was
    in the trash for `TICKBOX_TRASH_DAYS`: they are deleted. Dues in zones whose rules have changed
    are computed anew.
    """
    from app import sweeps
    from app.cli.database import run_with_database, stores
    from app.core.clock import utc_now

    with stores(_configured()) as settings:
        swept = run_with_database(settings, lambda base: sweeps.sweep(base, settings, utc_now))
    for name, count in swept.items():
        typer.echo(f"{name.capitalize()}: {count}")


@cli.command()
def health(
    ready: Annotated[
        bool, typer.Option("--ready", help="Whether it should get requests, stores and all.")
    ] = False,
) -> None:
    """Ask the service that runs here, by the same settings, whether it lives; if not, exit 1."""
    from app.cli.probe import probe

    typer.echo(probe(Settings(), "/readyz" if ready else "/livez"))


@cli.command()
def doctor() -> None:
    """Look whether Tickbox can run here, and say what is wrong and what to do.

    A line a check: ok, warning, failed, or skipped since something else failed. Exit code 1 if one
    failed. Changes nothing; embedded servers that do not run are started for as long as it looks.
    """
    from app.cli.doctor.examination import examine
    from app.observability import logs

    logs.configure("error")
    findings = examine(os.environ)
    for check, state, text in findings:
        typer.echo(f"{state:<8} {check}: {text}")
    raise typer.Exit(any(finding.state == "failed" for finding in findings))


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document, in UTF-8."""
    from app.embedded.keys import new_secret_key, new_signing_key
    from app.main import create_app

    # Nothing of the environment: the document is the same wherever it is printed.
    settings = Settings.model_construct(
        database_url=SecretStr("postgresql://nowhere/nothing"),
        redis_url=SecretStr("redis://nowhere"),
        secret_key=SecretStr(new_secret_key()),
        signing_keys=SecretStr(new_signing_key()),
    )
    document = json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False)
    # Bytes, whatever the terminal's encoding is.
    typer.echo(document.encode())


@cli.command()
def settings() -> None:
    """Print all settings as a Markdown table."""
    typer.echo("| Setting | Default | Meaning |\n| --- | --- | --- |")
    for name, field in Settings.model_fields.items():
        value = field.default
        default = ",".join(value) if isinstance(value, tuple) else "" if value is None else value
        shown = "" if default == "" else f"`{default}`"
        typer.echo(f"| `{variable(name)}` | {shown} | {field.description} |")


@user.command()
def create(
    email: Annotated[str, typer.Option(help="Address to sign in with.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Create an account with its Inbox, and print its id.

    Asks for the password on the terminal, twice. The rules are those of signing up; what else
    there is to an account its owner sets.
    """
    from app.cli.users import create_account

    account = create_account(_configured(), email, password_is_piped=password_stdin)
    typer.echo(account.id)
