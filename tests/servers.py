"""The servers that the tests run on, and a database for each worker.

The controller starts PostgreSQL and Redis once (embedded, unless `TICKBOX_TEST_DATABASE_URL` and
`TICKBOX_TEST_REDIS_URL` name others) and migrates a template; each worker clones it.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import make_url

from app.core import migrations
from app.core.config import Settings
from app.core.embedded import embedded

_TEMPLATE = "tickbox_test_template"
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
_NAMES = {
    "database_url": "TICKBOX_TEST_DATABASE_URL",
    "redis_url": "TICKBOX_TEST_REDIS_URL",
    "secret_key": "TICKBOX_TEST_SECRET_KEY",
    "signing_keys": "TICKBOX_TEST_SIGNING_KEYS",
}


def start() -> ExitStack:
    """Start what the tests need, and leave word of it in the environment; closing stops it."""
    stack = ExitStack()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tickbox-test-")))
    for name in [name for name in os.environ if name.startswith("TICKBOX_")]:
        if name not in _NAMES.values():
            del os.environ[name]
    settings = stack.enter_context(embedded(Settings(data_dir=folder), durable=False))
    for field, name in _NAMES.items():
        os.environ.setdefault(name, getattr(settings, field).get_secret_value())
    url = os.environ[_NAMES["database_url"]]
    asyncio.run(make_database(url, _TEMPLATE, template="template0"))
    migrations.upgrade(sibling(url, _TEMPLATE))
    return stack


def settings_for(database: str, redis_database: int = 0) -> Settings:
    """Settings that name the test servers, and one of their databases."""
    values = {field: os.environ[name] for field, name in _NAMES.items()}
    values["redis_url"] = _numbered(values["redis_url"], redis_database)
    values["database_url"] = sibling(values["database_url"], database)
    return Settings.model_validate({**values, "database_pool_size": 10, **_UNLIMITED})


def _numbered(url: str, database: int) -> str:
    """The URL of a database of a Redis."""
    if url.startswith("unix:"):
        return f"{url}?db={database}"
    return urlsplit(url)._replace(path=f"/{database}").geturl()


@contextmanager
def cloned_database(name: str, template: str = _TEMPLATE) -> Iterator[str]:
    """A database as the migrations leave it, for the length of the block; or an empty one.

    Empty is what the template `template0` makes.
    """
    url = os.environ[_NAMES["database_url"]]
    asyncio.run(make_database(url, name, template=template))
    try:
        yield name
    finally:
        asyncio.run(run_sql(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


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
    return await asyncpg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    )


def sibling(url: str, database: str) -> str:
    """The URL of another database of the same server."""
    return make_url(url).set(database=database).render_as_string(hide_password=False)
