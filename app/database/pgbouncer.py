"""A pooler between, such as PgBouncer: for how long it lets a connection mean the same server."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from secrets import token_hex
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core import urls
from app.core.settings import Settings

# A notification arrives within a round trip.
_HEARD_SECONDS = 1


class Mode(NamedTuple):
    """How long a connection means the same server, and what follows from it.

    `local` goes with the command that begins a transaction, which may take `first_seconds`.
    """

    server_settings: dict[str, str]
    connect_args: dict[str, Any]
    options: dict[str, Any]
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


def session_mode(settings: Settings) -> Mode:
    """For as long as it is open: what is set or prepared once, stays."""
    return Mode(
        {**_SERVER_SETTINGS, **session_settings(settings)},
        {
            "statement_cache_size": 256,
            # The driver prepares longer ones anew each time.
            "max_cacheable_statement_size": 32 * 1024,
        },
        {"isolation_level": "AUTOCOMMIT"},
    )


def transaction_mode(settings: Settings) -> Mode:
    """For a transaction: nothing outlasts it, and what SQLAlchemy asks at first is in one too."""
    local = "".join(
        f"; SET LOCAL {name} = '{value}'" for name, value in session_settings(settings).items()
    )
    return Mode(
        _SERVER_SETTINGS,
        {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": str,  # none has a name
        },
        {},
        local,
        # It is then that the pooler may have no server to give.
        settings.database_pool_timeout,
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


async def keeps_session(url: str, seconds: float) -> bool:
    """Whether it is sure that a connection keeps its server while nothing is said on it.

    An idle connection hears what another one notifies only where its server is its own: between
    transactions a pooler that shares servers has nobody to hand that to. A standby takes no LISTEN,
    so of one it is never sure. Raises `OSError`, or `TimeoutError` if it takes so many seconds to
    get there.
    """
    arguments = {**urls.postgres(url).arguments, "timeout": seconds, "statement_cache_size": 0}
    channel = f"tickbox_{token_hex(16)}"
    heard = asyncio.Event()
    async with AsyncExitStack() as stack, asyncio.timeout(seconds + _HEARD_SECONDS):
        try:
            listener = await asyncpg.connect(**arguments)
            stack.callback(listener.terminate)
            other = await asyncpg.connect(**arguments)
            stack.callback(other.terminate)
            # Within a transaction the server is its own in any case; from its end on, it listens.
            async with listener.transaction():
                await listener.add_listener(channel, lambda *_: heard.set())
            await other.execute(f"NOTIFY {channel}")
        except asyncpg.PostgresError:
            return False
        try:
            async with asyncio.timeout(_HEARD_SECONDS):
                await heard.wait()
        except TimeoutError:
            # It is most likely the same server again, and others are to find nothing on it.
            await listener.execute(f"UNLISTEN {channel}")
            return False
        return True


def say_when_open(engine: AsyncEngine, settings: Mapping[str, str]) -> None:
    """Have each new connection set these, instead of beginning with them."""
    sql = "; ".join(f"SET {name} = '{value}'" for name, value in settings.items())

    def begin_without(_dialect: Any, _record: Any, _args: Any, options: dict[str, Any]) -> None:
        given = options["server_settings"].items()
        options["server_settings"] = {name: value for name, value in given if name not in settings}

    def say(connection: Any, _record: Any) -> None:
        connection.run_async(lambda driver: driver.execute(sql))

    event.listen(engine.sync_engine, "do_connect", begin_without)
    event.listen(engine.sync_engine, "connect", say)
