"""The `tickbox` command: serves, migrates, and prints what it knows of itself."""

# ruff: noqa: PLC0415
# What a command needs is imported when it runs, so that a wrong setting is said at once.

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from app.cli.database import configured, run_with_database, stores, upgrade
from app.cli.errors import errors_as_sentences, variable
from app.cli.users import user
from app.core.settings import Settings

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they show local variables, and so keys and URLs
)
cli.add_typer(user, name="user")


def main() -> None:
    """Run the command line."""
    with errors_as_sentences():
        cli()


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"Tickbox {version('tickbox')}")
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


def _option(name: str) -> Any:
    """What the command line says instead of a setting."""
    description = Settings.model_fields[name].description
    return typer.Option(help=f"{description} [{variable(name)}]", show_default=False)


@cli.command()
def serve(
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[int | None, _option("port")] = None,
    workers: Annotated[int | None, _option("workers")] = None,
    tls_cert: Annotated[Path | None, _option("tls_cert")] = None,
    tls_key: Annotated[Path | None, _option("tls_key")] = None,
    proxy: Annotated[list[str] | None, _option("proxies")] = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start anew when a file of it changes, to develop it.")
    ] = False,
) -> None:
    """Migrate the database, then serve until Ctrl-C or SIGTERM.

    An option wins over the setting that it names.
    """
    options = {
        "host": host,
        "port": port,
        "workers": workers,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "proxies": ",".join(proxy) if proxy else None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    settings = configured(**given)
    from app.cli.serve import run

    run(settings, reload=reload)


@cli.command()
def migrate() -> None:
    """Bring the database's schema to the newest revision, and what it holds up to it."""
    with stores(configured()) as settings:
        upgrade(settings)


@cli.command()
def purge() -> None:
    """Do what `tickbox serve` does once an hour, and say how much of each there was.

    Answers under an Idempotency-Key after 24 hours, refresh tokens once they have expired,
    sessions 30 days after their last use, what nobody sees since an account was deleted: they are
    deleted. Dues in zones whose rules have changed are computed anew.
    """
    with stores(configured()) as settings:
        from app import sweeps
        from app.core.clock import utc_now

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
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """Look whether Tickbox can run here, and say what is wrong and what to do.

    A line a check: ok, warning, failed, or skipped since something else failed. Exit code 1 if one
    failed. Changes nothing; embedded servers that do not run are started for as long as it looks.
    """
    from app.cli.doctor.examination import examine
    from app.observability import logs

    logs.configure("error")
    findings = examine(os.environ)
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        for check, state, text in findings:
            typer.echo(f"{state:<8} {check}: {text}")
    raise typer.Exit(any(finding.state == "failed" for finding in findings))


@cli.command()
def openapi(
    output: Annotated[
        Path | None, typer.Option(help="File to write it to, rather than standard output.")
    ] = None,
) -> None:
    """Print the OpenAPI document."""
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
    # In UTF-8, whatever the terminal's encoding is.
    encoded = f"{document}\n".encode()
    if output is None:
        typer.echo(encoded, nl=False)
    else:
        output.write_bytes(encoded)


@cli.command()
def settings() -> None:
    """Print all settings as a Markdown table."""
    typer.echo("| Setting | Default | Meaning |\n| --- | --- | --- |")
    for name, field in Settings.model_fields.items():
        value = field.default
        default = ",".join(value) if isinstance(value, tuple) else "" if value is None else value
        shown = "" if default == "" else f"`{default}`"
        typer.echo(f"| `{variable(name)}` | {shown} | {field.description} |")
