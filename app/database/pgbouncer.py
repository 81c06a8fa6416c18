"""A pooler between, such as PgBouncer: for how long it lets a connection mean the same server."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.settings import Settings


class Mode(NamedTuple):
    """How long a connection means the same server, and what follows from it.

    `when_open` is set by SET on a new connection. `local` goes with the command that begins a
    transaction, which may take `first_seconds`.
    """

    keeps_session: bool
    server_settings: dict[str, str]
    connect_args: dict[str, Any]
    options: dict[str, Any]
    when_open: Mapping[str, str] = MappingProxyType({})
    local: str = ""
    first_seconds: float | None = None


# PgBouncer takes these from a client in every mode.
_SERVER_SETTINGS = {"application_name": "tickbox", "timezone": "UTC"}


def session_settings(settings: Settings) -> dict[str, str]:
    """What holds for all that Tickbox says to PostgreSQL."""
    milliseconds = str(int(settings.statement_timeout * 1000))
    return {
        "jit": "off",
        # One plan a statement, made once a connection, however unlike the parameters are:
        # statements are written for the index that serves them.
        "plan_cache_mode": "force_generic_plan",
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
    }


def mode(settings: Settings) -> Mode:
    """What `database_pool_mode` means."""
    if settings.database_pool_mode == "transaction":
        return _transaction_mode(settings)
    return _session_mode(settings, is_pooled=settings.database_pool_mode == "session")


def _session_mode(settings: Settings, *, is_pooled: bool) -> Mode:
    """For as long as it is open: what is set or prepared once, stays."""
    session = session_settings(settings)
    return Mode(
        keeps_session=True,
        server_settings=_SERVER_SETTINGS if is_pooled else _SERVER_SETTINGS | session,
        connect_args={
            "statement_cache_size": 256,
            # The driver prepares longer ones anew each time.
            "max_cacheable_statement_size": 32 * 1024,
        },
        options={"isolation_level": "AUTOCOMMIT"},
        when_open=session if is_pooled else {},
    )


def _transaction_mode(settings: Settings) -> Mode:
    """For a transaction: nothing outlasts it, and what SQLAlchemy asks at first is in one too."""
    local = "".join(
        f"; SET LOCAL {name} = '{value}'" for name, value in session_settings(settings).items()
    )
    return Mode(
        keeps_session=False,
        server_settings=_SERVER_SETTINGS,
        connect_args={
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": str,  # none has a name
        },
        options={},
        local=local,
        # It is then that the pooler may have no server to give.
        first_seconds=settings.database_pool_timeout,
    )


class NotKept(RuntimeError):
    """What a session began with did not arrive: somebody between dropped it."""


def refuses(error: Exception) -> bool:
    """Whether it is that a pooler does not take what a session begins with."""
    cause = original(error)
    return isinstance(cause, NotKept) or (
        isinstance(cause, asyncpg.ProtocolViolationError) and "startup parameter" in str(cause)
    )


def original(error: BaseException) -> BaseException:
    """The driver's own error in SQLAlchemy's, if that is what it is."""
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        error = error.orig
    if isinstance(error, exc.EmulatedDBAPIException) and error.orig is not None:
        error = error.orig
    return error


def set_when_open(engine: AsyncEngine, settings: Mapping[str, str]) -> None:
    """Have each new connection set these by SET, since a pooler refuses to begin with them."""
    sql = "; ".join(f"SET {name} = '{value}'" for name, value in settings.items())

    def set_all(connection: Any, _record: Any) -> None:
        connection.run_async(lambda driver: driver.execute(sql))

    event.listen(engine.sync_engine, "connect", set_all)
