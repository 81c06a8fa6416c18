"""The schema's revisions: where it should be, and how it gets there."""

import ssl
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from app.core import urls

_REASONS = {
    "InvalidCatalogNameError": "it has no database of that name",
    "InvalidAuthorizationSpecificationError": "it does not know the user",
    "InvalidPasswordError": "the user or the password is wrong",
    "InsufficientPrivilegeError": "the user may not change its schema",
    "ProtocolViolationError": "a pooler is between, and migrations need the database itself: set "
    "TICKBOX_DATABASE_DIRECT_URL",
    "LockNotAvailableError": "somebody else holds a lock on a table; try again",
}
_ROOT = Path(__file__).parents[2]


class MigrationError(RuntimeError):
    """The schema cannot be brought to head; the text is one sentence for whoever starts it."""


def config(database_url: str = "") -> Config:
    """Alembic's configuration, with the database to work on."""
    alembic = Config(str(_ROOT / "alembic.ini"))
    alembic.set_main_option("script_location", str(_ROOT / "migrations"))
    alembic.attributes["database_url"] = database_url
    return alembic


@cache
def head() -> str:
    """The revision that this code needs."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    assert revision is not None
    return revision


def behind(revision: str) -> int | None:
    """How many steps a schema at this revision is from head; None if this code knows none such."""
    script = ScriptDirectory.from_config(config())
    try:
        return len(list(script.iterate_revisions("head", revision)))
    except (CommandError, RevisionError):
        return None


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the schema to a revision; several at once wait for each other.

    Raises `MigrationError`. Not to be called in an event loop.
    """
    _run(command.upgrade, database_url, revision)


def downgrade(database_url: str, revision: str) -> None:
    """Take the schema back to a revision. Raises `MigrationError`."""
    _run(command.downgrade, database_url, revision)


def _run(action: object, database_url: str, revision: str) -> None:
    assert callable(action)
    host = ", ".join(urls.postgres(database_url).hosts)
    try:
        action(config(database_url), revision)
    except CommandError as error:
        raise MigrationError(f"the database's schema is not of this Tickbox: {error}") from error
    except ssl.SSLError as error:
        raise MigrationError(
            f"the database at {host} cannot be trusted: {urls.distrust(error)}"
        ) from error
    except (OSError, TimeoutError) as error:
        why = ": it speaks no TLS" if "rejected SSL upgrade" in str(error) else ""
        raise MigrationError(f"the database at {host} cannot be reached{why}") from error
    except SQLAlchemyError as error:
        raise MigrationError(
            f"the database at {host} cannot be migrated: {reason(error)}"
        ) from error


def reason(error: Exception) -> str:
    """What PostgreSQL says no to: in a few words, or by the name of the driver's error."""
    # SQLAlchemy's error holds its own copy of the driver's, whose class says what it is.
    cause: BaseException = getattr(error, "orig", None) or error
    name = type(cause.__cause__ or cause).__name__
    return _REASONS.get(name, name)
