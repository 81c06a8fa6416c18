"""How commands get at the settings and the stores, and run something on PostgreSQL."""

# ruff: noqa: PLC0415
# What a command needs is imported when it runs, so that a wrong setting is said at once.

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from app.cli.errors import CommandError, named
from app.core.settings import Settings

if TYPE_CHECKING:
    from app.database.unit_of_work import Database

_T = TypeVar("_T")


def configured(**options: Any) -> Settings:
    """The settings, of which these win over the environment; logs go by them from here on."""
    from app.observability import logs

    settings = Settings.model_validate(options)
    logs.configure(settings.log_level)
    return settings


def stores(settings: Settings, *, alone: bool = False) -> AbstractContextManager[Settings]:
    """The stores that are given, or embedded ones for the length of the block.

    Those of a Tickbox that runs on the data folder will do, unless they are to be used `alone`.
    """
    if not settings.is_embedded:
        return nullcontext(settings)
    from app.embedded.stores import embedded

    return embedded(settings, shared=not alone)


def run_with_database(
    settings: Settings, work: Callable[["Database"], Coroutine[Any, Any, _T]]
) -> _T:
    """Run this to its end. Raises `CommandError`, `SettingsError`."""
    import asyncpg

    from app.core.errors import AppError, Unavailable
    from app.database.unit_of_work import Database

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
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        raise CommandError("the schema is behind: run `tickbox migrate` first") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise CommandError(
            "the database's user may not use the tables: `tickbox doctor` says more"
        ) from error


def upgrade(settings: Settings) -> None:
    """Bring the schema to head and backfill its data, some of which the old version still writes.

    Raises `CommandError`, `SettingsError`.
    """
    from app.database import migrations
    from app.features.todos.due_rules import recompute
    from app.features.todos.search_backfill import backfill_search_words

    run_with_database(settings, lambda database: database.check())
    # A direct URL has no pooler between.
    mode = "none" if settings.database_direct_url else settings.database_pool_mode
    try:
        migrations.upgrade(settings.migration_url, pool_mode=mode)
    except migrations.MigrationError as error:
        raise CommandError(str(error)) from error
    run_with_database(settings, backfill_search_words)
    run_with_database(settings, recompute)
