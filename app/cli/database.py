"""How commands get at the stores, and run something on PostgreSQL."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import asyncpg

from app.cli.errors import CommandError, named
from app.core.errors import AppError, Unavailable
from app.core.settings import Settings
from app.database import migrations
from app.database.unit_of_work import Database
from app.embedded.stores import embedded
from app.features.todos.due_rules import recompute
from app.features.todos.search_backfill import backfill_search_words
from app.features.trash.backfill import backfill_deletions

_T = TypeVar("_T")


def stores(settings: Settings, *, alone: bool = False) -> AbstractContextManager[Settings]:
    """The stores that are given, or embedded ones for the length of the block.

    Those of a Tickbox that runs on the data folder will do, unless they are to be used `alone`.
    """
    return embedded(settings, shared=not alone) if settings.is_embedded else nullcontext(settings)


def run_with_database(
    settings: Settings, work: Callable[[Database], Coroutine[Any, Any, _T]]
) -> _T:
    """Run this to its end. Raises `CommandError`, `SettingsError`."""

    async def run() -> _T:
        database = Database(settings)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except Unavailable as error:
        raise CommandError(f"{error.detail}: `tickbox doctor` says more") from error
    except AppError as error:
        fields = [named(f"the {field.pointer[1:]}", field.message) for field in error.errors]
        raise CommandError(*(fields or [error.detail])) from error
    except asyncpg.SyntaxOrAccessError as error:
        raise CommandError(
            "the schema is behind, or not this user's: run `tickbox migrate`, or `tickbox doctor`"
        ) from error


def upgrade(settings: Settings) -> None:
    """Bring the schema to head and backfill its data, some of which the old version still writes.

    Raises `CommandError`, `SettingsError`.
    """
    run_with_database(settings, lambda database: database.check())
    # A direct URL has no pooler between.
    mode = "none" if settings.database_direct_url else settings.database_pool_mode
    try:
        migrations.upgrade(settings.migration_url, pool_mode=mode)
    except migrations.MigrationError as error:
        raise CommandError(str(error)) from error
    run_with_database(settings, backfill_search_words)
    run_with_database(settings, recompute)
    run_with_database(settings, backfill_deletions)
