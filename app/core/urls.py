"""The stores' URLs as platforms give them, read by asyncpg and by redis-py.

What they would misread, or fill in from this machine, is refused at the start. No error repeats a
part of a URL, not even a parameter's name: behind a "?" that was not escaped it may be part of the
password.
"""

import re
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

# One host, or several with commas between them, each with its port if it has one.
_HOSTS = re.compile(r"(?:^|,)(?:\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^][:@,\s]+)(?::\d{1,5})?(?=,|$)")
_DRIVERS = (
    *("host", "port", "user", "password", "dbname"),
    *("target_session_attrs", "sslmode", "sslnegotiation"),
)
_CERTIFICATES = ("sslrootcert", "sslcert", "sslkey")
_OURS = ("channel_binding", "application_name", "options", "connect_timeout", "pgbouncer")
# libpq's too, which change nothing that is relied on here.
_IGNORED = (
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "fallback_application_name",
    "gssencmode",
)
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "channel_binding": ("disable", "prefer", "require"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": (
        "any",
        "primary",
        "standby",
        "prefer-standby",
        "read-write",
        "read-only",
    ),
}
# The certificates of the operating system; libpq's word for them, which asyncpg does not know.
_SYSTEM = "system"


class PostgresAddress(NamedTuple):
    """Where a PostgreSQL is, and how to speak to it.

    `arguments` are for asyncpg's `connect`; `is_pooled` is what Prisma's `pgbouncer=true` says.
    """

    hosts: list[str]
    arguments: dict[str, Any]
    is_pooled: bool


def hosts(url: str) -> list[str]:
    """The hosts of a PostgreSQL's URL, or the folder of its socket. Raises `ValueError`."""
    return postgres(url).hosts


def postgres(url: str) -> PostgresAddress:
    """Understand a PostgreSQL's URL. Raises `ValueError`, whose text follows the setting's name."""
    parts = _split(url.strip())
    if parts is None or parts.scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise ValueError("is no URL that begins with postgresql://, or has a character to escape")
    given = _parameters(parts.query)
    named = unquote(parts.netloc.rpartition("@")[2]) or given.get("host", "")
    if not named or not (parts.path.strip("/") or given.get("dbname")):
        # The driver would take whatever it finds on this machine.
        raise ValueError("names no host, or no database")
    ports = re.findall(r":(\d+)(?=,|$)", named) + given.get("port", "1").split(",")
    if parts.netloc.count("@") > 1 or _HOSTS.sub("", named) or not all(map(_is_port, ports)):
        raise ValueError(
            "names a host or a port that is none; what is special in a password is escaped"
        )
    query = urlencode({name: given[name] for name in _DRIVERS if name in given}, quote_via=quote)
    arguments: dict[str, Any] = {
        "dsn": parts._replace(
            scheme="postgresql", path=parts.path.rstrip("/"), query=query
        ).geturl(),
        "server_settings": {
            name: given[name] for name in ("application_name", "options") if name in given
        },
    }
    if "port" in given:
        # In the URL, asyncpg overlooks it where the host is named before the "?".
        arguments["port"] = list(map(int, given["port"].split(",")))
    context = _tls(given)
    if context is not None:
        arguments["ssl"] = context
    if seconds := int(given.get("connect_timeout", "0")):
        arguments["timeout"] = seconds
    each = [re.sub(r":\d+$|[][]", "", host) for host in named.split(",")]
    return PostgresAddress(each, arguments, given.get("pgbouncer") == "true")


def redis(url: str) -> tuple[dict[str, Any], ssl.SSLContext | None]:
    """What redis-py reads in a URL, and the TLS that it would speak. Raises `ValueError`."""
    # A wrong setting of another kind is to be said at once.
    from redis.asyncio.connection import Connection, SSLConnection, parse_url  # noqa: PLC0415
    from redis.exceptions import RedisError  # noqa: PLC0415

    parts = _split(url)
    if parts is None or parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("is no URL that begins with redis://, or has a character to escape")
    try:
        options: dict[str, Any] = {**parse_url(url)}
        kind = options.pop("connection_class", Connection)
        connection = kind(**options)
        context = connection.ssl_context.get() if kind is SSLConnection else None
    except OSError:  # ssl.SSLError is one
        raise ValueError("names a file that cannot be read, or holds no certificate") from None
    except (ValueError, TypeError, RedisError):
        raise ValueError("has a port or a parameter that is none for its scheme") from None
    # redis-py would take those of this machine, and number 0.
    if not re.fullmatch(r"[^\s,]+", options.get("path") or options.get("host") or ""):
        raise ValueError("names no host or socket, or more than one")
    if parts.scheme != "unix" and not (parts.path.strip("/") or "0").isdecimal():
        raise ValueError("names a database that is no number")
    return options, context


def describe_tls_error(error: ssl.SSLError) -> str:
    """Why TLS did not come about: OpenSSL's own words, of the certificate where it is that."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused ({error.verify_message.rstrip('.')})"
    return f"TLS failed ({error.reason or type(error).__name__})"


def _split(url: str) -> SplitResult | None:
    """The parts of a URL; Python drops tabs and line breaks from one without a word."""
    try:
        return None if re.search(r"\s", url) or "://" not in url else urlsplit(url)
    except ValueError:
        return None


def _parameters(query: str) -> dict[str, str]:
    """What is behind the "?" of a PostgreSQL's URL, where a + is no space."""
    given = dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
    if "ssl" in given:
        # As libpq does for what was written for Java, and SQLAlchemy for asyncpg.
        mode = given.pop("ssl")
        given.setdefault("sslmode", "require" if mode == "true" else mode)
    if not given.keys() <= {*_DRIVERS, *_CERTIFICATES, *_OURS, *_IGNORED}:
        names = ", ".join(_DRIVERS + _CERTIFICATES + _OURS)
        raise ValueError(f"has a parameter other than {names}")
    for name, choices in _CHOICES.items():
        if name in given and given[name] not in choices:
            raise ValueError(f"has a {name} other than {', '.join(choices)}")
    if not re.fullmatch(r"\d{1,4}", given.get("connect_timeout", "0")):
        raise ValueError("has a connect_timeout that is no number of seconds")
    return given


def _is_port(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) < 1 << 16


def _tls(given: Mapping[str, str]) -> ssl.SSLContext | None:
    """What `sslmode` asks for, from `require` on; what is below is asyncpg's own.

    asyncpg binds no channel. Where that is required, it is to be sure whose server it is: then the
    certificate says so.
    """
    mode = given.get("sslmode")
    if given.get("channel_binding") == "require":
        if mode == "disable":
            raise ValueError("requires channel_binding, and forbids the TLS that it needs")
        if mode not in {"verify-ca", "verify-full"}:
            mode = "verify-full"
    root = given.get("sslrootcert")
    is_asyncpgs = mode not in {"require", "verify-ca", "verify-full"}
    if is_asyncpgs and not given.keys().isdisjoint(_CERTIFICATES):
        raise ValueError("names certificates, which are for an sslmode of require and above")
    if mode == "verify-ca" and root in {None, _SYSTEM}:
        raise ValueError("asks for sslmode=verify-ca, and names no CA by sslrootcert")
    return None if is_asyncpgs else _context(mode, given)


def _context(mode: str | None, given: Mapping[str, str]) -> ssl.SSLContext:
    root = given.get("sslrootcert")
    # Not `create_default_context`: since Python 3.13 that is stricter with a private CA than libpq.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = mode == "verify-full" or root == _SYSTEM
    if mode == "require" and root is None:
        context.verify_mode = ssl.CERT_NONE
    try:
        if root in {None, _SYSTEM}:
            context.load_default_certs()
        else:
            context.load_verify_locations(root)
        if not given.keys().isdisjoint(("sslcert", "sslkey")):
            context.load_cert_chain(given.get("sslcert", ""), given.get("sslkey"), password="")
    except OSError:  # ssl.SSLError is one
        raise ValueError("names a file that cannot be read, or holds no such certificate") from None
    return context
