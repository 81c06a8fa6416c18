"""`tickbox user`: accounts, for whoever runs the service."""

# ruff: noqa: PLC0415
# What a command needs is imported when it runs, so that a wrong option is said at once.

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr, ValidationError

from app.cli.database import configured, run_with_database, stores
from app.cli.errors import CommandError, explanations
from app.core.settings import Settings

if TYPE_CHECKING:
    from app.core.schemas import JsonRow
    from app.database.unit_of_work import Database
    from app.features.users.schemas import UserCreate

user = typer.Typer(help="Accounts.", no_args_is_help=True)


@user.callback()
def _user() -> None:
    """`create` stays a command of its own although there is no other one yet."""


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
    from app.features.users.schemas import UserCreate

    settings = configured()
    try:
        # The password is asked for only if the address will do.
        account = UserCreate(email=email, password="")
    except ValidationError as error:
        raise CommandError(*explanations(error, lambda name: f"--{name}")) from None
    account = account.model_copy(update={"password": _password(is_piped=password_stdin)})
    with stores(settings) as complete:
        stored = run_with_database(complete, lambda base: _sign_up(base, complete, account))
    typer.echo(stored.id)


def _password(*, is_piped: bool) -> str:
    """The password as it was typed, or without the line break that most programs end it with."""
    if is_piped:
        # What is not in UTF-8 becomes lone surrogates, which no password may have.
        text = sys.stdin.buffer.read().decode(errors="surrogateescape")
        return text.removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise CommandError(
            "there is no terminal to ask for the password on: pipe it in, with --password-stdin"
        )
    again = "Password, once more"
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=again, err=True)
    return typed


async def _sign_up(database: "Database", settings: Settings, data: "UserCreate") -> "JsonRow":
    from app.core.clock import new_id_text, utc_now
    from app.core.context import Context
    from app.core.signing import Signer
    from app.features.projects.dependencies import project_service
    from app.features.users.repository import UserRepository
    from app.features.users.service import UserService
    from app.security.password_hashing import PasswordHasher

    assert isinstance(settings.secret_key, SecretStr)
    signer = Signer(settings.secret_key.get_secret_value(), "cursor")
    context = Context(new_id_text(), utc_now)
    hasher = PasswordHasher(threads=1)
    try:
        # There is nothing to invalidate: nobody has read this account.
        async with database.unit_of_work() as session:
            service = UserService(
                UserRepository(session),
                hasher,
                context,
                lambda principal: project_service(session, principal, context, signer),
                settings.password_min_length,
            )
            return await service.sign_up(data)
    finally:
        hasher.close()
