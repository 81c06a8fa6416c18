"""The servers that the tests run on, and a database for each worker.

The controller starts PostgreSQL and Redis once, unless `TICKBOX_TEST_DATABASE_URL` and
`TICKBOX_TEST_REDIS_URL` name others, and migrates a template; each worker clones it. With
`TICKBOX_TEST_PGBOUNCER` the apps under test go to PostgreSQL through a PgBouncer.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import asyncpg
import pytest
from alembic import command
from redis.asyncio.connection import parse_url
from sqlalchemy import make_url

from app.core import urls
from app.core.settings import Settings
from app.database import migrations
from app.embedded.keys import new_secret_key, new_signing_key
from app.embedded.stores import embedded
from tests.pgbouncer import pgbouncer

# As Redis has them, unless it is told otherwise; each worker flushes its own.
_REDIS_DATABASES = 16

# The tests ask more than one person and one address ever would.
_UNLIMITED = dict.fromkeys(
    (
        "limit_user_per_second",
        "limit_user_burst",
        "limit_address_per_second",
        "limit_address_burst",
        "limit_sign_ups_per_minute",
        "limit_sign_ins_per_minute",
    ),
    10_000_000,
)
# Patient, since others may use the machine too; a test of the patience sets its own.
_POOL = {"database_pool_size": 32, "database_pool_timeout": 10}
_DATABASE_URL = "TICKBOX_TEST_DATABASE_URL"
_REDIS_URL = "TICKBOX_TEST_REDIS_URL"
_KEYS = {
    "secret_key": "TICKBOX_TEST_SECRET_KEY",
    "signing_keys": "TICKBOX_TEST_SIGNING_KEYS",
}
_WANTS_PGBOUNCER = "TICKBOX_TEST_PGBOUNCER"
# What the controller tells its workers.
_POOLED_URL = "TICKBOX_TEST_POOLED_URL"
_TEMPLATE = "TICKBOX_TEST_TEMPLATE"
_IS_SUPERUSER = "TICKBOX_TEST_IS_SUPERUSER"
_GIVEN = {_DATABASE_URL, _REDIS_URL, *_KEYS.values(), _WANTS_PGBOUNCER}


def start() -> ExitStack:
    """Start what the tests need, and leave word of it in the environment; closing stops it."""
    if (_DATABASE_URL in os.environ) != (_REDIS_URL in os.environ):
        raise pytest.UsageError(f"{_DATABASE_URL} and {_REDIS_URL} are set together.")
    for name in [name for name in os.environ if name.startswith("TICKBOX_")]:
        if name not in _GIVEN:
            del os.environ[name]
    os.environ.setdefault(_KEYS["secret_key"], new_secret_key())
    os.environ.setdefault(_KEYS["signing_keys"], new_signing_key())
    with ExitStack() as stack:
        if _DATABASE_URL not in os.environ:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tickbox-test-"))
            settings = stack.enter_context(embedded(Settings(data_dir=Path(folder)), durable=False))
            assert settings.redis_url is not None
            os.environ[_DATABASE_URL] = settings.migration_url
            os.environ[_REDIS_URL] = settings.redis_url.get_secret_value()
        url = os.environ[_DATABASE_URL]
        # Others may run these tests on the same server.
        template = f"tickbox_template_{uuid4().hex}"
        os.environ[_TEMPLATE] = template
        asyncio.run(make_database(url, template, template="template0"))
        stack.callback(drop_database, template)
        migrations.upgrade(sibling(url, template))
        os.environ[_IS_SUPERUSER] = asyncio.run(_superuser(url))
        if os.environ.get(_WANTS_PGBOUNCER):
            os.environ[_POOLED_URL] = stack.enter_context(pgbouncer(url))
        return stack.pop_all()


def settings_for(database: str, redis_database: int = 0) -> Settings:
    """Settings that name the test servers, and one of their databases."""
    values: dict[str, object] = {field: os.environ[name] for field, name in _KEYS.items()}
    values["redis_url"] = numbered(os.environ[_REDIS_URL], redis_database)
    values["database_url"] = sibling(os.environ[_DATABASE_URL], database)
    if _POOLED_URL in os.environ:
        values["database_direct_url"] = values["database_url"]
        values["database_url"] = sibling(os.environ[_POOLED_URL], database)
        values["database_pool_mode"] = "transaction"
    # As the embedded default does.
    values["trust_unverified_email"] = True
    return Settings.model_validate({**values, **_POOL, **_UNLIMITED})


def numbered(url: str, number: int) -> str:
    """The URL of a database of a Redis, counted from the one that is given."""
    number += parse_url(url).get("db", 0)
    if number >= _REDIS_DATABASES:
        raise pytest.UsageError(
            f"{_REDIS_URL} leaves too few databases: each of the tests' processes flushes one of "
            f"its own, and Redis has {_REDIS_DATABASES}."
        )
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "db"]
    if parts.scheme == "unix":
        # Python's would lose the slashes.
        return f"unix://{parts.path}?{urlencode([*query, ('db', number)])}"
    return parts._replace(path=f"/{number}", query=urlencode(query)).geturl()


@contextmanager
def cloned_database(name: str, template: str | None = None) -> Iterator[str]:
    """A database as the migrations leave it, for the length of the block; or an empty one.

    Empty is what the template `template0` makes.
    """
    template = template or os.environ[_TEMPLATE]
    asyncio.run(make_database(os.environ[_DATABASE_URL], name, template=template))
    try:
        yield name
    finally:
        drop_database(name)


def drop_database(name: str) -> None:
    """Drop a database, whoever is in it. Not to be called in an event loop."""
    url = os.environ[_DATABASE_URL]
    asyncio.run(run_sql(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def downgrade(url: str, revision: str) -> None:
    """Take a schema back to a revision. Not to be called in an event loop."""
    command.downgrade(migrations.config(url), revision)


def only_as_superuser(what: str) -> None:
    """Skip the test where the tests' user may do no more than Tickbox needs."""
    if os.environ[_IS_SUPERUSER] != "on":
        pytest.skip(f"the tests' user is no superuser of this server, and so may not {what}")


async def _superuser(url: str) -> str:
    connection = await connect(url)
    try:
        # It says so to every client.
        return str(connection.get_settings().is_superuser)
    finally:
        await connection.close()


async def make_database(url: str, name: str, *, template: str) -> None:
    """An empty database, or a clone; one that was left over is replaced."""
    await run_sql(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    locale = " LOCALE 'C.UTF-8'" if template == "template0" else ""
    await run_sql(url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"{locale}')


async def run_sql(url: str, sql: str) -> None:
    """One statement, outside of a transaction."""
    connection = await connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def connect(url: str) -> asyncpg.Connection:
    """The driver's own connection, to look behind the service."""
    return await asyncpg.connect(**urls.postgres(url).arguments)


def sibling(url: str, database: str) -> str:
    """The URL of another database of the same server."""
    return make_url(url).set(database=database).render_as_string(hide_password=False)
