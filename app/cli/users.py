"""What `tickbox user create` does."""

import sys

import typer
from pydantic import ValidationError

from app.cli.database import run_with_database, stores
from app.cli.errors import CommandError, explanations
from app.core.clock import new_id_text, utc_now
from app.core.context import Context
from app.core.schemas import JsonRow
from app.core.settings import Settings
from app.core.signing import Signer
from app.database.unit_of_work import Database
from app.features.projects.dependencies import project_service
from app.features.users.repository import UserRepository
from app.features.users.schemas import UserCreate
from app.features.users.service import UserService
from app.security.password_hashing import PasswordHasher


def create_account(settings: Settings, email: str, *, password_is_piped: bool) -> JsonRow:
    """Ask for its password, and make an account with its Inbox. Raises `CommandError`."""
    try:
        # The password is asked for only if the address will do.
        account = UserCreate(email=email, password="")
    except ValidationError as error:
        raise CommandError(*explanations(error, lambda name: f"--{name}")) from None
    account = account.model_copy(update={"password": _password(is_piped=password_is_piped)})
    with stores(settings) as complete:
        return run_with_database(complete, lambda database: _sign_up(database, complete, account))


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


async def _sign_up(database: Database, settings: Settings, account: UserCreate) -> JsonRow:
    assert settings.secret_key is not None
    signer = Signer(settings.secret_key.get_secret_value(), "cursor")
    context = Context(new_id_text(), utc_now)
    # There is nothing to invalidate: nobody has read this account.
    async with database.unit_of_work() as session:
        service = UserService(
            UserRepository(session),
            PasswordHasher(threads=1),
            context,
            lambda principal: project_service(session, principal, context, signer),
            settings.password_min_length,
        )
        return await service.sign_up(account)
