"""Why a PostgreSQL cannot be used: in a few words, which are never its own."""

import errno
import re
import socket
import ssl

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from app.core import urls
from app.database import pgbouncer

# As what they come: while it is reached, from the driver, and wrapped.
FAILURES = (
    OSError,
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    pgbouncer.NotKept,
)
_NO_DATABASE = "it has no database of that name"
_NO_USER = "it does not know the user, or does not let it in from here"
_WRONG = "the user or the password is wrong"
_NO_MORE = "it gives this user no more connections: raise its limit, or end what holds them"
# What is more special comes first.
_REFUSALS: dict[type[Exception], str] = {
    asyncpg.InvalidCatalogNameError: _NO_DATABASE,
    asyncpg.InvalidPasswordError: _WRONG,
    asyncpg.InvalidAuthorizationSpecificationError: _NO_USER,
    asyncpg.TooManyConnectionsError: _NO_MORE,
    asyncpg.CannotConnectNowError: "it is starting up, or shutting down: try again",
    asyncpg.OperatorInterventionError: "it has ended the connection: try again",
    asyncpg.LockNotAvailableError: "somebody else holds a lock on a table; try again",
    asyncpg.ReadOnlySQLTransactionError: "it takes no writes: name the primary",
    asyncpg.DiskFullError: "its disk is full",
    asyncpg.TargetServerAttributeNotMatched: "no host of it is what target_session_attrs asks for",
    asyncpg.ConnectionDoesNotExistError: "it has ended the connection",
}
# PgBouncer says all of it by one code; in its log it names who and what.
_POOLERS = {
    "startup parameter: options": "a pooler is between, and does not take the `options` of its URL",
    "startup parameter": "a pooler is between, and does not take what a session begins with",
    "database .*does not exist|no such database": _NO_DATABASE,
    "role .*does not exist|no such user": _NO_USER,
    "authentication failed": _WRONG,
    "no more connections|too many": _NO_MORE,
    "SSL required": "it wants TLS: add `?sslmode=verify-full` to its URL",
    "query_wait_timeout|cannot connect": "a pooler is between, and has no connection to give",
}
_UNREACHABLE = {
    errno.ECONNREFUSED: "nothing listens there",
    errno.ENOENT: "there is no such socket",
    errno.EACCES: "this process's user may not use its socket",
    errno.EHOSTUNREACH: "there is no way to it",
    errno.ENETUNREACH: "there is no way to it",
    errno.ECONNRESET: "it has ended the connection",
    errno.EPIPE: "it has ended the connection",
}


def describe_connection_error(
    error: BaseException, url: str, *, forbidden: str = "use its tables"
) -> str:
    """Why the PostgreSQL of this URL cannot be used; `forbidden` is what was about to be done.

    What has no words here goes by the name of its class.
    """
    cause = pgbouncer.original(error)
    if isinstance(cause, OSError):
        return _unreachable(cause, url)
    # What is no answer to a statement, but to the wish to connect.
    is_fatal = getattr(cause, "severity_en", None) == "FATAL"
    if isinstance(cause, asyncpg.InsufficientPrivilegeError):
        return f"the user may not {'connect to it' if is_fatal else forbidden}"
    if is_fatal and type(cause) is asyncpg.ObjectNotInPrerequisiteStateError:
        return "it takes no connections to this database"
    if isinstance(cause, asyncpg.ProtocolViolationError):
        said = str(cause)
        reasons = (reason for pattern, reason in _POOLERS.items() if re.search(pattern, said))
        return next(reasons, "a pooler is between, and refuses: its log says why")
    for kind, reason in _REFUSALS.items():
        if isinstance(cause, kind):
            return reason
    return type(cause).__name__


def encoding(name: str) -> str:
    """What there is to say of a database whose text is of this encoding; nothing of UTF-8."""
    if name.upper().replace("-", "") == "UTF8":
        return ""
    return (
        f"the database's encoding is {name}: make another one with "
        "`CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`"
    )


def _unreachable(error: OSError, url: str) -> str:
    if isinstance(error, ssl.SSLError):
        return urls.describe_tls_error(error)
    if isinstance(error, socket.gaierror):
        return "there is no host of that name"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if "SSL" in str(error) or "connection_lost" in str(error):
        # The driver's word for any answer but yes; by default it takes a no, and goes on without.
        if isinstance(urls.postgres(url).arguments.get("ssl"), ssl.SSLContext):
            return "it speaks no TLS"
        return "what listens there is no PostgreSQL"
    # A name may have several addresses, and asyncio then has one text for all of them.
    numbers = [error.errno or 0, *map(int, re.findall(r"Errno (\d+)", str(error)))]
    reasons = {_UNREACHABLE.get(number) for number in numbers if number}
    reason = reasons.pop() if len(reasons) == 1 else None
    return reason or f"it cannot be reached ({type(error).__name__})"
