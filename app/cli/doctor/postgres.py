"""PostgreSQL: whether it lets Tickbox in, is fit for it, has its schema, and knows the time."""

from collections.abc import Callable, Iterator
from datetime import datetime

from asyncpg import Record
from pydantic import SecretStr
from sqlalchemy import func, select, text

from app.cli.doctor.finding import Finding
from app.cli.errors import variable
from app.core import urls
from app.core.errors import AppError
from app.core.settings import SECURITY_CONNECTIONS, Settings, SettingsError
from app.database import connection_errors, migrations
from app.database.statement import Statement
from app.database.unit_of_work import Database, ReadConnection

OLDEST = 15
_SPARE_CONNECTIONS = 3  # one migrates, one guards it, and one is for whoever looks
# Seconds between clocks; tokens from further ahead than the second are refused.
_CLOCK_WARNING, _CLOCK_FAILURE = 2, 30
_NOW = Statement(select(func.clock_timestamp()))
_REVISIONS = Statement(text("SELECT version_num FROM alembic_version"))
_FACTS = Statement(
    text(
        """
        SELECT current_setting('server_version_num')::int / 10000 AS version,
            current_setting('transaction_read_only') = 'on' AS is_read_only,
            to_regclass('alembic_version') IS NOT NULL AS has_schema,
            coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
            LEAST(
                current_setting('max_connections')::int
                    - current_setting('superuser_reserved_connections')::int,
                NULLIF(d.datconnlimit, -1),
                NULLIF(r.rolconnlimit, -1)
            ) AS connections
        FROM pg_database d, pg_roles r
        WHERE d.datname = current_database() AND r.rolname = current_user
        """
    )
)


async def check_postgres(
    settings: Settings, now: Callable[[], datetime], report: Callable[[Finding], None]
) -> None:
    """As migrations reach it, and then as requests do, with what is between, and the replica."""
    name = "database_direct_url" if settings.database_direct_url else "database_url"
    url = SecretStr(settings.migration_url)
    mode = settings.database_pool_mode if url == settings.database_url else "none"
    direct = {"database_url": url, "database_read_url": None, "database_pool_mode": mode}
    database = Database(settings.model_copy(update=direct))
    try:
        await database.check()
        [facts] = await database.primary.fetch_all(_FACTS)
        where = urls.postgres(url.get_secret_value()).hosts
        fine = Finding("PostgreSQL", "ok", f"version {facts['version']} at {where}")
        for finding in [*_judged(settings, facts)] or [fine]:
            report(finding)
        rows = await database.primary.fetch_all(_REVISIONS) if facts["has_schema"] else []
        report(_migrations([row["version_num"] for row in rows]))
        report(await _clock(database.primary, now))
        name = "database_url"
        await database.close()
        database = Database(settings)
        await database.check()
        await database.primary.fetch_all(_NOW)
        name = "database_read_url"
        await database.reading(None).fetch_all(_NOW)
    except SettingsError as error:
        report(Finding("PostgreSQL", "failed", str(error)))
    except (AppError, *connection_errors.FAILURES) as error:
        used = getattr(settings, name).get_secret_value()
        reason = connection_errors.describe_connection_error(error.__cause__ or error, used)
        text = f"at {urls.postgres(used).hosts}: {reason}; mend that, or {variable(name)}"
        report(Finding("PostgreSQL", "failed", text))
    finally:
        await database.close()


def _judged(settings: Settings, facts: Record) -> Iterator[Finding]:
    if facts["version"] < OLDEST:
        text = f"this is PostgreSQL {facts['version']}: upgrade it to {OLDEST} or later"
        yield Finding("PostgreSQL", "failed", text)
    if facts["is_read_only"]:
        text = "it takes no writes: name the primary, or turn `default_transaction_read_only` off"
        yield Finding("PostgreSQL", "failed", text)
    if not facts["may_create"]:
        text = (
            "this user may not make tables: as the schema's owner, `GRANT USAGE, CREATE ON SCHEMA "
            "public TO` it, or run `tickbox migrate` as a user who may"
        )
        yield Finding("PostgreSQL", "failed", text)
    needed = settings.workers * (settings.database_pool_size + SECURITY_CONNECTIONS)
    needed += _SPARE_CONNECTIONS
    # With a pooler of transactions they are the pooler's, which are its own to count.
    if needed > facts["connections"] and settings.database_pool_mode != "transaction":
        text = (
            f"{needed} connections are needed at most, and this user gets {facts['connections']}: "
            "lower TICKBOX_DATABASE_POOL_SIZE or TICKBOX_WORKERS, or raise max_connections"
        )
        yield Finding("PostgreSQL", "warning", text)


def _migrations(revisions: list[str]) -> Finding:
    if not revisions:
        reason = "there is no schema yet: `tickbox migrate` makes it, and `tickbox serve` too"
        return Finding("migrations", "warning", reason)
    steps = migrations.behind(revisions[0]) if len(revisions) == 1 else None
    if steps == 0:
        return Finding("migrations", "ok", f"at head, {revisions[0]}")
    reason = "the schema is of a newer Tickbox, or of something else: install that version"
    if steps is not None:
        reason = f"the schema is behind, by {steps} of its steps: run `tickbox migrate`"
    return Finding("migrations", "failed", reason)


async def _clock(connection: ReadConnection, now: Callable[[], datetime]) -> Finding:
    [[there]] = await connection.fetch_all(_NOW)
    ahead = (now() - there).total_seconds()
    if abs(ahead) <= _CLOCK_WARNING:
        return Finding("clock", "ok", f"within {_CLOCK_WARNING} s of PostgreSQL's")
    way = "ahead of" if ahead > 0 else "behind"
    reason = f"this machine's is {abs(ahead):.0f} s {way} PostgreSQL's: set both by NTP"
    return Finding("clock", "warning" if abs(ahead) <= _CLOCK_FAILURE else "failed", reason)
