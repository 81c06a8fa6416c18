"""`tickbox user`: accounts, for whoever runs the service."""

# ruff: noqa: PLC0415
# What a command needs is imported when it runs, so that a wrong option is said at once.

import getpass
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr, ValidationError

from app.core import command
from app.core.config import Settings
from app.core.output import Unprinted

if TYPE_CHECKING:
    from app.core.database import Database
    from app.core.schemas import Stored
    from app.users.schemas import UserCreate

# More than any password has, to know that there is more.
_MAX_BYTES = 64 * 1024

user = typer.Typer(help="Accounts.", no_args_is_help=True)


@user.callback()
def _user() -> None:
    """`create` stays a command of its own although there is no other one yet."""


@user.command()
def create(
    email: Annotated[str, typer.Option(help="Address to sign in with.")],
    display_name: Annotated[str | None, typer.Option(help="Name that others see.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Such as Europe/Berlin. UTC, if left out.")
    ] = None,
    locale: Annotated[str | None, typer.Option(help="Such as pt-BR. en, if left out.")] = None,
    week_start: Annotated[
        str | None, typer.Option(help="First day of the week. monday, if left out.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Create an account with its Inbox, and print its id.

    Asks for the password on the terminal, twice. The rules are those of signing up.
    """
    given = {
        "email": email,
        "display_name": display_name,
        "timezone": timezone,
        "locale": locale,
        "week_start": week_start,
    }
    with command.explained(), command.ended_by_signals(code=1):
        settings = command.logging(Settings())
        data = _checked({name: value for name, value in given.items() if value is not None})
        password = _piped() if password_stdin else _asked()
        with command.servers(settings) as complete:
            account = data.model_copy(update={"password": password})
            stored = command.worked(
                complete, lambda database: _sign_up(database, complete, account)
            )
            try:
                typer.echo(stored.id)
            except Unprinted as error:
                raise command.Refusal(
                    f"the account was created, with the id {stored.id}, which cannot be written to "
                    f"standard output: {error.strerror}"
                ) from None


async def _sign_up(database: "Database", settings: Settings, data: "UserCreate") -> "Stored":
    from app.core.clock import new_id_text, utc_now
    from app.core.context import Context
    from app.core.passwords import PasswordHasher
    from app.core.security import Signer
    from app.projects.dependencies import project_service
    from app.users.repository import UserRepository
    from app.users.service import UserService

    assert isinstance(settings.secret_key, SecretStr)
    signer = Signer(settings.secret_key.get_secret_value(), "cursor")
    context = Context(new_id_text(), utc_now)
    hasher = PasswordHasher(threads=1)
    try:
        # Nothing that anybody read before is outdated by it.
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


def _checked(given: dict[str, str]) -> "UserCreate":
    """The account but for its password, which is asked for only if the rest will do."""
    from app.users.schemas import UserCreate

    try:
        return UserCreate.model_validate({**given, "password": ""})
    except ValidationError as error:
        options = command.sentences(error, lambda name: f"--{name.replace('_', '-')}")
        raise command.Refusal(*options) from None


def _asked() -> str:
    # None, if it is closed.
    if sys.stdin is None or not sys.stdin.isatty():
        raise command.Refusal(
            "there is no terminal to ask for the password on: pipe it in, with --password-stdin"
        )
    try:
        password = getpass.getpass("Password: ")
        if getpass.getpass("Password, once more: ") != password:
            raise command.Refusal("the passwords differ: nothing was created")
    except EOFError:
        raise command.Refusal("no password was given") from None
    except UnicodeDecodeError:
        raise command.Refusal("the password is not in this terminal's encoding") from None
    return password


def _piped() -> str:
    """The password without the line break that most programs end it with."""
    if sys.stdin is None:
        raise command.Refusal("standard input is closed: pipe the password in")
    if sys.stdin.isatty():
        raise command.Refusal(
            "--password-stdin would show what is typed: leave it out to be asked for the password"
        )
    try:
        text = sys.stdin.buffer.read(_MAX_BYTES).decode()
    except OSError as error:
        raise command.Refusal(
            f"the password cannot be read from standard input: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise command.Refusal("the password is not in UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")
