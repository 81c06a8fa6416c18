"""Runs Alembic: the revision that this code needs, and the upgrade to it."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from app.core import urls
from app.database import connection_errors

_ROOT = Path(__file__).parents[2]


class MigrationError(RuntimeError):
    """The schema cannot be upgraded; the message is one sentence for the operator."""


def config(database_url: str = "", pool_mode: str = "none") -> Config:
    """Alembic's configuration, with the database to work on and the mode of its pooler."""
    alembic = Config(str(_ROOT / "alembic.ini"))
    alembic.set_main_option("script_location", str(_ROOT / "migrations"))
    alembic.attributes["database_url"] = database_url
    alembic.attributes["pool_mode"] = pool_mode
    return alembic


@cache
def _scripts() -> ScriptDirectory:
    """The migrations, read once: it takes 20 ms."""
    return ScriptDirectory.from_config(config())


@cache
def head() -> str:
    """The revision that this code needs."""
    revision = _scripts().get_current_head()
    assert revision is not None
    return revision


def behind(revision: str) -> int | None:
    """How many steps a revision is behind head; None if this code does not know it."""
    try:
        return len(list(_scripts().iterate_revisions("head", revision)))
    except (CommandError, RevisionError):
        return None


def upgrade(database_url: str, revision: str = "head", *, pool_mode: str = "none") -> None:
    """Upgrade the schema to a revision; several processes wait for each other.

    A `pool_mode` is "none", or "session" behind such a pooler; "transaction" does not work. Raises
    `MigrationError`. Not to be called in an event loop.
    """
    try:
        command.upgrade(config(database_url, pool_mode), revision)
    except CommandError as error:
        raise MigrationError(f"the database's schema is not of this Tickbox: {error}") from error
    except connection_errors.FAILURES as error:
        why = connection_errors.describe_connection_error(
            error, database_url, forbidden="change its schema"
        )
        if connection_errors.refuses_settings(error):
            why = (
                "a pooler is between, and migrations need the database itself: set "
                "TICKBOX_DATABASE_DIRECT_URL, or TICKBOX_DATABASE_POOL_MODE to session if that is "
                "the pooler's"
            )
        hosts = urls.postgres(database_url).hosts
        raise MigrationError(f"the database at {hosts} cannot be migrated: {why}") from error
