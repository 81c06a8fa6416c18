"""The stores' URLs as platforms give them, for asyncpg and redis-py to parse.

What they would misread, or fill in from this machine, is refused. No error repeats a part of a URL:
behind a character that was not escaped, each part may be the password.
"""

import re
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from pydantic_core import MultiHostUrl

_PARSED_BY_ASYNCPG = (
    *("host", "port", "user", "password", "dbname", "target_session_attrs"),
    *("sslmode", "sslnegotiation", "sslrootcert", "sslcert", "sslkey"),
)
_SERVER_SETTINGS = ("application_name", "options")
_KNOWN = (*_PARSED_BY_ASYNCPG, *_SERVER_SETTINGS, "channel_binding")
# libpq's and Prisma's; asyncpg would send them to the server as settings.
_IGNORED = (
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "pgbouncer"),
    *("tcp_user_timeout", "connect_timeout", "fallback_application_name", "gssencmode"),
)
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class PostgresAddress(NamedTuple):
    """The hosts of a PostgreSQL, or the folder of its socket, and asyncpg's `connect` arguments."""

    hosts: str
    arguments: dict[str, Any]


def postgres(url: str) -> PostgresAddress:
    """Read a PostgreSQL's URL. Raises `ValueError`, whose text follows the setting's name."""
    parts = _split(url, "postgresql", "postgres")
    given = _parameters(parts.query)
    hosts = unquote(parts.netloc.rpartition("@")[2]) or given.get("host", "")
    if not hosts or not (parts.path.strip("/") or given.get("dbname")):
        raise ValueError("names no host, or no database")
    query = {name: given[name] for name in _PARSED_BY_ASYNCPG if name in given}
    dsn = parts._replace(
        scheme="postgresql", path=parts.path.rstrip("/"), query=urlencode(query, quote_via=quote)
    )
    settings = {name: given[name] for name in _SERVER_SETTINGS if name in given}
    arguments: dict[str, Any] = {"dsn": dsn.geturl(), "server_settings": settings}
    try:
        if not hosts.startswith("/"):
            MultiHostUrl(f"postgresql://{hosts}")
        if "port" in given:
            # asyncpg ignores that of the URL if the host is named before the "?".
            arguments["port"] = [int(port) for port in given["port"].split(",")]
        ports = re.findall(r":([0-9]+)(?=,|$)", hosts) + given.get("port", "").split(",")
        if parts.netloc.count("@") > 1 or "0" in ports:  # asyncpg splits at the first
            raise ValueError
    except ValueError:
        raise ValueError("has a wrong host or port; escape what is special in a password") from None
    try:
        context = _tls(given)
    except OSError:  # ssl.SSLError is one
        raise ValueError("names a file that cannot be read, or holds no such certificate") from None
    if context is not None:
        arguments["ssl"] = context
    return PostgresAddress(re.sub(r":[0-9]+(?=,|$)", "", hosts), arguments)


def redis(url: str) -> tuple[dict[str, Any], ssl.SSLContext | None]:
    """redis-py's connection options of a URL, and its TLS. Raises `ValueError`."""
    # Here, so that other wrong settings are reported at once.
    from redis.asyncio.connection import Connection, SSLConnection, parse_url  # noqa: PLC0415
    from redis.exceptions import RedisError  # noqa: PLC0415

    parts = _split(url, "redis", "rediss", "unix")
    try:
        options: dict[str, Any] = {**parse_url(parts.geturl())}
        kind = options.pop("connection_class", Connection)
        connection = kind(**options)
        context = connection.ssl_context.get() if kind is SSLConnection else None
    except (OSError, ValueError, TypeError, RedisError):
        raise ValueError("has a port, a parameter or a file that is wrong") from None
    if not (options.get("path") or options.get("host")):
        raise ValueError("names no host or socket")
    if parts.scheme != "unix" and not (parts.path.strip("/") or "0").isdecimal():
        raise ValueError("has a path that is no number of a database")
    return options, context


def describe_tls_error(error: ssl.SSLError) -> str:
    """Why TLS failed, in OpenSSL's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused ({error.verify_message.rstrip('.')})"
    return f"TLS failed ({error.reason or type(error).__name__})"


def _split(url: str, *schemes: str) -> SplitResult:
    url = url.strip()  # files end in a line break
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    # SQLAlchemy's URLs name a driver after a "+". Python drops tabs and line breaks without a word.
    if parts.scheme.partition("+")[0] not in schemes or url.split() != [url]:
        raise ValueError(
            f"is no URL that begins with {schemes[0]}://, or has a character to escape"
        )
    return parts


def _parameters(query: str) -> dict[str, str]:
    # A + is no space here.
    given = dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
    if "ssl" in given:  # JDBC's, and SQLAlchemy's for asyncpg
        given.setdefault("sslmode", given.pop("ssl").replace("true", "require"))
    if not given.keys() <= {*_KNOWN, *_IGNORED}:
        raise ValueError(f"has a parameter other than {', '.join(_KNOWN)}")
    if given.get("sslmode", "prefer") not in _SSL_MODES:
        raise ValueError(f"has an sslmode other than {', '.join(_SSL_MODES)}")
    return given


def _tls(given: Mapping[str, str]) -> ssl.SSLContext | None:
    """What an `sslmode` from `require` on asks for; asyncpg does what is below. Raises `OSError`.

    Unlike asyncpg's, it takes the system's CAs where no other is named.
    """
    mode, root = given.get("sslmode"), given.get("sslrootcert", "system")
    if given.get("channel_binding", "prefer") not in {"disable", "prefer"} and mode != "verify-ca":
        # asyncpg binds no channel: the certificate has to say whose server it is.
        mode = "verify-full"
    if mode not in {"require", "verify-ca", "verify-full"}:
        if "sslrootcert" in given:
            raise ValueError("has an sslrootcert, which is for an sslmode of require and above")
        return None
    context = ssl.create_default_context(cafile=None if root == "system" else root)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # which Debian's Python leaves to OpenSSL
    # Since Python 3.13 it is stricter with a private CA than libpq.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["postgresql"])  # needed for sslnegotiation=direct
    context.check_hostname = mode == "verify-full" or root == "system"
    if mode == "require" and "sslrootcert" not in given:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if "sslcert" in given:
        context.load_cert_chain(given["sslcert"], given.get("sslkey"), password="")
    return context
