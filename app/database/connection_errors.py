"""Why PostgreSQL cannot be used, in our own words: the server's may repeat what is secret."""

import os
import re
import socket
import ssl

import asyncpg
from sqlalchemy.exc import DBAPIError, EmulatedDBAPIException, SQLAlchemyError

from app.core import urls


class SettingsDropped(RuntimeError):
    """The session does not have the settings it began with: a pooler dropped them."""


# What the driver raises, and SQLAlchemy, which runs migrations.
FAILURES = (
    OSError,
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    SettingsDropped,
)
# Subclasses come before their bases.
_REFUSALS: dict[type[Exception], str] = {
    asyncpg.InvalidCatalogNameError: "it has no database of that name",
    asyncpg.InvalidPasswordError: "the user or the password is wrong",
    asyncpg.InvalidAuthorizationSpecificationError: (
        "it does not know the user, or does not let it in from here"
    ),
    asyncpg.TooManyConnectionsError: (
        "it gives this user no more connections: raise its limit, or end what holds them"
    ),
    asyncpg.CannotConnectNowError: "it is starting up, or shutting down: try again",
    asyncpg.OperatorInterventionError: "it has ended the connection: try again",
    asyncpg.LockNotAvailableError: "somebody else holds a lock on a table; try again",
    asyncpg.ReadOnlySQLTransactionError: "it takes no writes: name the primary",
}


def describe_connection_error(
    error: BaseException, url: str, *, forbidden: str = "use its tables"
) -> str:
    """Why the PostgreSQL of this URL cannot be used; `forbidden` is what a user may lack rights to.

    An error that is not listed here is described by the name of its class.
    """
    cause = _original(error)
    if isinstance(cause, OSError):
        return _unreachable(cause, url)
    # FATAL answers an attempt to connect, ERROR a statement.
    is_fatal = getattr(cause, "severity_en", None) == "FATAL"
    if isinstance(cause, asyncpg.InsufficientPrivilegeError):
        return f"the user may not {'connect to it' if is_fatal else forbidden}"
    if isinstance(cause, asyncpg.ProtocolViolationError):
        # PgBouncer uses one code for everything.
        return "a pooler is between, and refuses: its log says why"
    reasons = (reason for kind, reason in _REFUSALS.items() if isinstance(cause, kind))
    return next(reasons, type(cause).__name__)


def refuses_settings(error: BaseException | None) -> bool:
    """Whether the error is that a pooler does not accept, or drops, a session's settings."""
    cause = _original(error)
    return isinstance(cause, SettingsDropped) or (
        isinstance(cause, asyncpg.ProtocolViolationError) and "startup parameter" in str(cause)
    )


def _original(error: BaseException | None) -> BaseException | None:
    """The driver's error, which SQLAlchemy wraps twice."""
    for wrapper in (DBAPIError, EmulatedDBAPIException):
        if isinstance(error, wrapper) and error.orig is not None:
            error = error.orig
    return error


def _unreachable(error: OSError, url: str) -> str:
    if isinstance(error, ssl.SSLError):
        return urls.describe_tls_error(error)
    if isinstance(error, socket.gaierror):
        return "there is no host of that name"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if "SSL" in str(error) or "connection_lost" in str(error):
        # What asyncpg says if the server refuses TLS, or answers no PostgreSQL at all.
        wants_tls = isinstance(urls.postgres(url).arguments.get("ssl"), ssl.SSLContext)
        return "it speaks no TLS" if wants_tls else "what listens there is no PostgreSQL"
    # Of a name with several addresses, asyncio joins the errors into one text.
    numbers = {error.errno or 0, *map(int, re.findall(r"Errno (\d+)", str(error)))} - {0}
    if len(numbers) == 1:
        [number] = numbers
        return os.strerror(number).lower()
    return f"it cannot be reached ({type(error).__name__})"
