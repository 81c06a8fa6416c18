"""PostgreSQL: whether it lets Tickbox in, and is fit for it."""

import ipaddress
from contextlib import suppress
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import NullPool

from app.core import refusals, urls
from app.core.command import variable
from app.core.doctor.case import Case
from app.core.doctor.finding import Finding, Findings, failed, ok, skipped, warning
from app.core.driver import make_engine

OLDEST = 15
_PATIENCE = 5
# Besides the pools: one that migrates (with its guard), and one for whoever looks.
_SPARE_CONNECTIONS = 3
_FACTS = text(
    """
    SELECT current_setting('server_version_num')::int / 10000 AS version,
        pg_encoding_to_char(d.encoding) AS encoding,
        pg_is_in_recovery() AS is_standby,
        current_setting('transaction_read_only') = 'on' AS is_read_only,
        current_schema() IS NOT NULL AS has_schema,
        has_schema_privilege(current_schema(), 'CREATE') AS may_create,
        coalesce(s.version, '') AS tls,
        LEAST(
            current_setting('max_connections')::int
                - current_setting('superuser_reserved_connections')::int
                - coalesce(current_setting('reserved_connections', true)::int, 0),
            NULLIF(d.datconnlimit, -1),
            NULLIF(r.rolconnlimit, -1)
        ) AS places,
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS in_use
    FROM pg_database d CROSS JOIN pg_roles r
    LEFT JOIN pg_stat_ssl s ON s.pid = pg_backend_pid() AND s.ssl
    WHERE d.datname = current_database() AND r.rolname = current_user
    """
)
_TABLES = text(
    """
    SELECT count(*) FILTER (WHERE NOT pg_has_role(c.relowner, 'USAGE')) AS of_others,
        count(*) FILTER (WHERE NOT (
            has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
            AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
        )) AS closed
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname = ANY(:tables)
    """
)


async def check_postgres(case: Case) -> Findings:
    """The primary, without a pooler between."""
    is_direct = case.settings.database_direct_url or "database_direct_url" in case.broken
    async for finding in _check(case, "database_direct_url" if is_direct else "database_url"):
        yield finding


async def check_replica(case: Case) -> Findings:
    """The server for reads, if there is one."""
    if case.settings.database_read_url is None and "database_read_url" not in case.broken:
        yield ok("none is set: reads go to the primary")
        return
    async for finding in _check(case, "database_read_url"):
        yield finding


async def _check(case: Case, name: str) -> Findings:
    url, problem = case.url(name)
    if not url:
        yield skipped(problem) if problem else ok("none yet: the first start makes it")
        return
    host, engine = _engine(url)
    try:
        connection = await case.reached.enter_async_context(engine.connect())
        facts = (await connection.execute(_FACTS)).one()
    except refusals.FAILURES as error:
        why = refusals.why(error, url)
        yield failed(f"at {host or 'its socket'}: {why}; mend that, or {variable(name)}")
        return
    is_primary = name != "database_read_url"
    if is_primary:
        case.database = connection
    found = [*_fitness(facts), *_role(facts, is_primary=is_primary), *_connections(case, facts)]
    if is_primary and not facts.is_read_only:
        found += await _rights(case, connection, facts)
    if not facts.tls and not _is_here(host):
        found.append(
            warning(
                f"passwords and data go to {host} in the clear: add `?sslmode=verify-full` to "
                f"{variable(name)}"
            )
        )
    for finding in found:
        yield finding
    if not found:
        role = "standby" if facts.is_standby else "primary"
        yield ok(
            f"version {facts.version} at {host or 'its socket'}, {role}, {facts.tls or 'no TLS'}, "
            f"{facts.in_use} of {facts.places} connections in use"
        )


def _engine(url: str) -> tuple[str, AsyncEngine]:
    """Where it is (nothing said for a socket), and how to get there."""
    engine = make_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        timeout=_PATIENCE,
        server_settings={"application_name": "tickbox-doctor", "timezone": "UTC"},
        connect_args={"command_timeout": _PATIENCE},
    )
    hosts = urls.postgres(url).hosts
    return "" if hosts[0].startswith("/") else ", ".join(hosts), engine


def _fitness(facts: Row[Any]) -> list[Finding]:
    found = []
    if facts.version < OLDEST:
        found.append(
            failed(
                f"this is PostgreSQL {facts.version}: Tickbox needs {OLDEST} or later; upgrade it"
            )
        )
    problem = refusals.encoding(facts.encoding)
    if problem:
        found.append(failed(problem))
    return found


def _role(facts: Row[Any], *, is_primary: bool) -> list[Finding]:
    if not is_primary:
        if facts.is_standby:
            return []
        return [
            warning(
                "this is no standby: reads gain nothing by it, and find nothing if it is another "
                "database; set TICKBOX_DATABASE_READ_URL to a standby, or not at all"
            )
        ]
    if facts.is_standby:
        return [failed("this is a standby, which takes no writes: name the primary")]
    if facts.is_read_only:
        return [failed("it takes no writes: `default_transaction_read_only` is on; turn it off")]
    return []


def _connections(case: Case, facts: Row[Any]) -> list[Finding]:
    settings = case.settings
    if settings.database_pool_mode == "transaction":
        return []  # the pooler's, which are its own to count
    needed = settings.workers * settings.database_pool_size + _SPARE_CONNECTIONS
    if needed <= facts.places:
        return []
    return [
        warning(
            f"{needed} connections are needed at most, and this user gets {facts.places}: lower "
            "TICKBOX_DATABASE_POOL_SIZE or TICKBOX_WORKERS, or raise max_connections; else "
            "requests are answered 503"
        )
    ]


async def _rights(case: Case, connection: AsyncConnection, facts: Row[Any]) -> list[Finding]:
    if not facts.has_schema:
        return [failed("this user may use no schema: `GRANT USAGE, CREATE ON SCHEMA public TO` it")]
    found = []
    if not facts.may_create:
        found.append(
            failed(
                "this user may not make tables: as the schema's owner, `GRANT CREATE ON SCHEMA "
                "public TO` it, or run `tickbox migrate` as a user who may"
            )
        )
    rights = (await connection.execute(_TABLES, {"tables": sorted(case.tables)})).one()
    if rights.closed:
        found.append(
            failed(
                f"this user may not read and write {rights.closed} of the tables: as their owner, "
                "`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO` it"
            )
        )
    elif rights.of_others:
        found.append(
            warning(
                "the tables are another user's, so that `tickbox serve` cannot migrate them: run "
                "`tickbox migrate` as that user before each new version"
            )
        )
    return found


def _is_here(host: str) -> bool:
    if not host:
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
