"""The stores' URLs as platforms give them: understood whole, or refused at the start.

PostgreSQL's are libpq's, with those of its parameters that mean something here; Redis' are those of
redis-py. No error repeats a part of a URL, not even a parameter's name: behind a "?" that was not
escaped it may be part of the password.
"""

import os
import re
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^][:@\s]+))(?::(\d{1,5}))?")
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_SPACE = re.compile(r"\s")
_POSTGRES_PARAMETERS = (
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "channel_binding",
    "application_name",
    "options",
    "connect_timeout",
    "target_session_attrs",
    "pgbouncer",
)
# libpq's too. They change nothing that is relied on here: how soon a dead connection is noticed
# (each statement has its time), and a name for want of another. Where there are choices, those of
# them that would change something are refused.
_IGNORED = (
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "fallback_application_name",
    "gssencmode",
    "sslnegotiation",
    "load_balance_hosts",
)
_REDIS_PARAMETERS = (
    "db",
    "ssl_cert_reqs",
    "ssl_ca_certs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_check_hostname",
)
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "channel_binding": ("disable", "prefer", "require"),
    "target_session_attrs": (
        "any",
        "primary",
        "standby",
        "prefer-standby",
        "read-write",
        "read-only",
    ),
    "pgbouncer": ("true", "false"),
    "gssencmode": ("disable", "prefer"),
    "sslnegotiation": ("postgres",),
    "load_balance_hosts": ("disable",),
    "ssl_cert_reqs": ("none", "optional", "required"),
    "ssl_check_hostname": ("true", "false"),
}
# The certificates of the operating system; libpq's word for them.
_SYSTEM = "system"


class PostgresAddress(NamedTuple):
    """Where a PostgreSQL is, and how to speak to it.

    `arguments` are for asyncpg's `connect`; `is_pooled` is what Prisma's `pgbouncer=true` says.
    """

    hosts: list[str]
    database: str
    arguments: dict[str, Any]
    is_pooled: bool


def postgres(url: str) -> PostgresAddress:
    """Understand a PostgreSQL's URL. Raises `ValueError`, whose text follows the setting's name."""
    scheme, _, rest = url.strip().partition("://")
    if scheme.partition("+")[0] not in {"postgresql", "postgres"} or not rest:
        raise ValueError("is no URL that begins with postgresql://")
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    # Up to the last @, since a password may have one that was not escaped.
    credentials, _, netloc = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    given = _parameters(query, _POSTGRES_PARAMETERS, ("ssl", *_IGNORED))
    hosts, ports = _hosts(netloc, given)
    user = _once("user", unquote(user), given.get("user"))
    password = _once("password", unquote(password), given.get("password"))
    database = _once("database", unquote(path), given.get("dbname"))
    if not hosts or not database.strip("/"):
        # The driver would take whatever it finds on this machine.
        raise ValueError("names no host, or no database")

    arguments: dict[str, Any] = {
        "host": hosts,
        "port": ports,
        "database": database,
        "ssl": _tls(given),
        "server_settings": {
            name: given[name] for name in ("application_name", "options") if name in given
        },
    }
    if user:
        arguments["user"] = user
    if password:
        arguments["password"] = password
    if "target_session_attrs" in given:
        arguments["target_session_attrs"] = given["target_session_attrs"]
    seconds = _seconds(given.get("connect_timeout", "0"))
    if seconds:
        arguments["timeout"] = seconds
    return PostgresAddress(hosts, database, arguments, given.get("pgbouncer") == "true")


def check_redis(url: str) -> None:
    """Raise `ValueError` for a URL that redis-py would not take, or not as a whole."""
    try:
        parts = urlsplit(url)
        host, port = unquote(parts.hostname or ""), parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("is no URL that begins with redis://")
    # Python drops tabs and line breaks from a URL without a word.
    if _SPACE.search(url + host):
        raise ValueError("has white space in it; what is special in a password is escaped")
    _check_place(parts.path if parts.scheme == "unix" else host, port, parts.scheme)
    given = _parameters(parts.query, _REDIS_PARAMETERS)
    number = parts.path.strip("/") if parts.scheme != "unix" else ""
    if not given.get("db", number or "0").isdecimal():
        raise ValueError("names a database that is no number")
    if given.keys() - {"db"} and parts.scheme != "rediss":
        raise ValueError("has parameters of TLS, which rediss:// speaks and its scheme does not")
    _load(
        ssl.create_default_context(),
        given.get("ssl_ca_certs"),
        given.get("ssl_certfile"),
        given.get("ssl_keyfile"),
    )


def _check_place(place: str, port: int | None, scheme: str) -> None:
    """Raise `ValueError` where redis-py would take something else, such as what is found here.

    `place` is a host, or a socket's path.
    """
    if not place.strip("/"):
        raise ValueError("names no socket" if scheme == "unix" else "names no host")
    if "," in place and scheme != "unix":
        raise ValueError("names more than one host")
    if port == 0:
        raise ValueError("has a port that is none")


def _parameters(query: str, known: tuple[str, ...], silent: tuple[str, ...] = ()) -> dict[str, str]:
    """What is behind the "?", where a + is no space; `silent` ones are not recommended."""
    given = dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
    if not given.keys() <= {*known, *silent}:
        raise ValueError(f"has a parameter other than {_listed(known)}")
    if "ssl" in given:
        # As libpq does for what was written for Java, and SQLAlchemy for asyncpg.
        mode = given.pop("ssl")
        given.setdefault("sslmode", "require" if mode == "true" else mode)
    for name, choices in _CHOICES.items():
        if given.get(name, choices[0]) not in choices:
            raise ValueError(f"has a {name} other than {_listed(choices)}")
    return given


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _once(what: str, before: str, behind: str | None) -> str:
    """What is said before the "?", or else behind it."""
    if before and behind:
        raise ValueError(f"names its {what} twice")
    return before or behind or ""


def _hosts(netloc: str, given: Mapping[str, str]) -> tuple[list[str], list[int]]:
    """The hosts, tried in order, and a port for each: `a,b:5433`, `[::1]`, a socket's folder."""
    if netloc and given.get("host"):
        raise ValueError("names its host twice")
    names = (unquote(netloc) or given.get("host", "")).split(",")
    if names == [""]:
        return [], []
    default_ports = (given.get("port") or "5432").split(",")
    if len(default_ports) == 1:
        default_ports *= len(names)
    hosts, ports = [], []
    for index, name in enumerate(names):
        if name.startswith("/"):
            host, port = name, ""
        elif match := _HOST.fullmatch(name):
            host, port = match[1] or match[2], match[3] or ""
        else:
            raise ValueError("has a host that is none; what is special in a password is escaped")
        port = port or "".join(default_ports[index : index + 1])
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("has a port that is none, or not one for each host")
        hosts.append(host)
        ports.append(int(port))
    return hosts, ports


def _seconds(text: str) -> float:
    """How long to wait; 0, for Tickbox's own limit, where libpq would wait for ever."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("has a connect_timeout that is no number of seconds")
    return float(max(int(text), 0))


def _tls(given: Mapping[str, str]) -> ssl.SSLContext | str | None:
    """What `sslmode` asks for: asyncpg's own word where nothing is verified, else a context.

    asyncpg binds no channel. Where that is required, it is to be sure whose server it is: then the
    certificate says so.
    """
    mode = given.get("sslmode")
    if given.get("channel_binding") == "require":
        if mode == "disable":
            raise ValueError("requires channel_binding, and forbids the TLS that it needs")
        if mode not in {"verify-ca", "verify-full"}:
            mode = "verify-full"
    certificates = [given.get(name) for name in ("sslrootcert", "sslcert", "sslkey")]
    if mode not in {"require", "verify-ca", "verify-full"}:
        if any(certificates):
            raise ValueError("names certificates, which are for an sslmode of require and above")
        return mode
    root, certificate, key = certificates
    root = root or os.environ.get("PGSSLROOTCERT")
    if mode == "verify-ca" and root in {None, _SYSTEM}:
        raise ValueError("asks for sslmode=verify-ca, and names no CA by sslrootcert")
    # Not `create_default_context`: since Python 3.13 that is stricter with a private CA than libpq.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = mode == "verify-full" or root == _SYSTEM
    if mode == "require" and root is None:
        context.verify_mode = ssl.CERT_NONE
    if root in {None, _SYSTEM}:
        context.load_default_certs()
    _load(context, None if root == _SYSTEM else root, certificate, key)
    return context


def _load(
    context: ssl.SSLContext, root: str | None, certificate: str | None, key: str | None
) -> None:
    """Have the context trust `root`, and show the client's own certificate, if there are any."""
    try:
        if root:
            context.load_verify_locations(root)
        if certificate:
            context.load_cert_chain(certificate, key, password="")
    except OSError:  # ssl.SSLError is one
        raise ValueError("names a file that cannot be read, or holds no such certificate") from None
    if key and not certificate:
        raise ValueError("names a key, and no certificate that it is for")


def distrust(error: ssl.SSLError) -> str:
    """Why TLS did not come about: OpenSSL's own words, of the certificate where it is that."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused ({error.verify_message.rstrip('.')})"
    return f"TLS failed ({error.reason or type(error).__name__})"
