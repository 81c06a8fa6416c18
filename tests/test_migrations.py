"""Migrations: up, down and up again, one at a time, and in one sentence when they cannot."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.settings import Settings
from app.database import migrations
from app.database.migrations import MigrationError
from app.models import metadata
from tests import servers
from tests.alembic_check import difference
from tests.commands import environment as environment_of

VERSIONS = Path(__file__).parents[1] / "migrations" / "versions"
Rows = list[tuple[Any, ...]]

COLUMNS = """
SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default,
       collation_name, is_identity, identity_generation, generation_expression
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
ORDER BY 1, 2
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
AND conrelid <> 'alembic_version'::regclass AND contype <> 'n' ORDER BY 1, 2
"""
INDEXES = """
SELECT tablename, indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1, 2
"""
WAITING = """
SELECT count(*)::int FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'tickbox-migrate'
AND query LIKE '%pg_try_advisory_lock%'
"""
LEFT = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


def ask(url: str, sql: str) -> Rows:
    """What a database says."""

    async def rows() -> Rows:
        connection = await servers.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(rows())


@contextmanager
def holding(url: str, sql: str) -> Iterator[None]:
    """Somebody else has taken a lock, for the length of the block."""
    # A loop of its own, which is not running while a migration runs one.
    with asyncio.Runner() as runner:
        connection = runner.run(servers.connect(url))
        runner.run(connection.execute(sql))
        try:
            yield
        finally:
            runner.run(connection.close())


def the_lock() -> int:
    """What a migration holds while it runs."""
    number = re.search(
        r"^_LOCK = ([\d_]+)$", (VERSIONS.parent / "env.py").read_text(), re.MULTILINE
    )
    assert number is not None
    return int(number[1])


def schema(url: str) -> tuple[Rows, Rows, Rows]:
    """All that can differ."""
    return ask(url, COLUMNS), ask(url, CONSTRAINTS), ask(url, INDEXES)


def url_of(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


@pytest.fixture
def empty(settings: Settings) -> Iterator[str]:
    """The URL of a database in which there is nothing."""
    name = f"tickbox_empty_{uuid4().hex}"
    asyncio.run(servers.make_database(url_of(settings), name, template="template0"))
    yield servers.sibling(url_of(settings), name)
    asyncio.run(servers.run_sql(url_of(settings), f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def scratch() -> Iterator[str]:
    """The URL of a database at head."""
    with servers.cloned_database(f"tickbox_scratch_{uuid4().hex}") as name:
        yield url_of(servers.settings_for(name))


def sentence(url: str, revision: str = "head") -> str:
    """What is said of a migration that cannot be."""
    with pytest.raises(MigrationError) as error:
        migrations.upgrade(url, revision)
    said = str(error.value)
    assert "geheim" not in said
    assert "://" not in said
    assert "\n" not in said
    return said


class TestSchema:
    def test_goes_up_down_and_up_again_step_by_step(self, settings: Settings, empty: str) -> None:
        script = ScriptDirectory.from_config(migrations.config())
        revisions = [revision.revision for revision in script.walk_revisions()][::-1]
        assert revisions[-1] == migrations.head()
        for revision in revisions:
            migrations.upgrade(empty, revision)
            there = schema(empty)
            servers.downgrade(empty, "-1")
            migrations.upgrade(empty, revision)
            assert schema(empty) == there
            assert ask(empty, "SELECT * FROM alembic_version") == [(revision,)]
        assert schema(empty) == schema(url_of(settings))

        servers.downgrade(empty, "base")
        assert {name for (name,) in ask(empty, LEFT)} == {
            "alembic_version",
            "_alembic_version",
            "alembic_version_pkc",
        }

    def test_that_is_at_head_is_left_alone(self, settings: Settings) -> None:
        before = schema(url_of(settings))
        migrations.upgrade(url_of(settings))
        assert schema(url_of(settings)) == before

    def test_is_what_the_models_say(self, settings: Settings, empty: str) -> None:
        assert difference(url_of(settings)) is None

        # Alembic does not see everything: checks, predicates and expressions, for some.
        [(function,)] = ask(url_of(settings), "SELECT pg_get_functiondef('label_terms'::regproc)")

        async def create() -> None:
            engine = create_async_engine(
                "postgresql+asyncpg://", async_creator=lambda: servers.connect(empty)
            )
            async with engine.begin() as connection:
                # An index has it, and models have no functions.
                await connection.exec_driver_sql(function)
                await connection.run_sync(metadata.create_all)
            await engine.dispose()

        asyncio.run(create())
        asyncio.run(servers.run_sql(empty, "CREATE TABLE alembic_version ()"))
        assert schema(empty) == schema(url_of(settings))

    @pytest.mark.parametrize(
        "sql",
        [
            "ALTER TABLE todos ALTER title DROP NOT NULL",
            "DROP INDEX ix_todos_due",
        ],
    )
    def test_that_differs_is_found(self, scratch: str, sql: str) -> None:
        asyncio.run(servers.run_sql(scratch, sql))
        assert difference(scratch) is not None


class TestNames:
    def test_of_files_are_dates_in_order(self) -> None:
        names = sorted(path.name for path in VERSIONS.glob("*.py"))
        assert names
        for name in names:
            assert re.fullmatch(r"20\d{6}_\d{4}_[a-z0-9_]+\.py", name), name
        script = ScriptDirectory.from_config(migrations.config())
        in_order = [Path(revision.path).name for revision in script.walk_revisions()][::-1]
        assert in_order == names
        assert len(script.get_heads()) == 1

    def test_of_constraints_say_what_they_are(self, settings: Settings) -> None:
        prefixes = {"p": "pk_", "u": "uq_", "f": "fk_", "c": "ck_", "x": "ex_"}
        rows = ask(url_of(settings), CONSTRAINTS)
        assert len(rows) > 20
        for table, name, kind, _ in rows:
            # PostgreSQL's own, for what has no name, begin with the table's.
            assert name.startswith(prefixes[kind] + table), name
            assert not re.search(r"\d$", name), name

    def test_of_indexes_say_what_they_are(self, settings: Settings) -> None:
        rows = ask(url_of(settings), INDEXES)
        assert len(rows) > 15
        for table, name, definition in rows:
            prefix = "(uq|pk)" if "UNIQUE" in definition else "ix"
            assert re.match(f"{prefix}_{table}(_|$)", name), name


class TestAtOnce:
    def test_two_processes_wait_for_each_other(self, settings: Settings, empty: str) -> None:
        environment = environment_of(settings)
        with holding(empty, f"SELECT pg_advisory_lock({the_lock()})"):
            processes = [
                subprocess.Popen(
                    [sys.executable, "-m", "app.cli", "migrate"],
                    env=environment | {"TICKBOX_DATABASE_URL": empty},
                    stderr=subprocess.PIPE,
                    text=True,
                )
                for _ in range(2)
            ]
            deadline = time.monotonic() + 20
            while ask(empty, WAITING) != [(2,)]:
                assert time.monotonic() < deadline
                assert [process.poll() for process in processes] == [None, None]
            assert ask(empty, LEFT) == []
        ended = [(process.communicate()[1], process.returncode) for process in processes]

        assert ended == [("", 0)] * 2
        assert ask(empty, "SELECT * FROM alembic_version") == [(migrations.head(),)]

    def test_gives_up_on_a_table_that_somebody_else_has_locked(self, scratch: str) -> None:
        # The next one adds columns to it.
        before = "3f0c5a7be912"
        servers.downgrade(scratch, before)
        started = time.monotonic()
        with (
            holding(scratch, "BEGIN; LOCK TABLE todos"),
            pytest.raises(MigrationError, match=r"somebody else holds a lock") as error,
        ):
            migrations.upgrade(scratch)

        assert time.monotonic() - started < 5
        assert "LOCK TABLE" not in str(error.value)
        assert ask(scratch, "SELECT * FROM alembic_version") == [(before,)]


class TestFailure:
    def test_says_that_the_database_is_of_another_tickbox(self, scratch: str) -> None:
        asyncio.run(servers.run_sql(scratch, "UPDATE alembic_version SET version_num = 'x'"))
        assert sentence(scratch).startswith("the database's schema is not of this Tickbox")

    def test_says_that_there_is_no_such_revision(self, settings: Settings) -> None:
        assert "not of this Tickbox" in sentence(url_of(settings), "nowhere")

    def test_says_that_the_database_cannot_be_reached(self) -> None:
        said = sentence("postgresql://ada:geheim-4711@127.0.0.1:1/tickbox")
        assert said == "the database at 127.0.0.1 cannot be migrated: connection refused"

    def test_says_that_there_is_no_such_host(self) -> None:
        said = sentence("postgresql://ada:geheim-4711@tickbox.invalid/tickbox")
        assert said == (
            "the database at tickbox.invalid cannot be migrated: there is no host of that name"
        )

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"database": "nowhere"}, "it has no database of that name"),
            (
                {"username": "nobody", "password": "geheim-4711"},
                "it does not know the user, or does not let it in from here",
            ),
        ],
    )
    def test_says_that_the_server_refuses(
        self, settings: Settings, change: dict[str, str], reason: str
    ) -> None:
        url = make_url(url_of(settings)).set(**change)  # type: ignore[arg-type]
        assert sentence(url.render_as_string(hide_password=False)).endswith(reason)

    def test_leaves_a_schema_that_it_cannot_make_as_it_was(self, empty: str) -> None:
        asyncio.run(servers.run_sql(empty, "CREATE TABLE users (only_mine text)"))
        assert sentence(empty).endswith("cannot be migrated: DuplicateTableError")
        assert ask(empty, COLUMNS.replace("AND table_name <> 'alembic_version'", ""))[0][1] == (
            "only_mine"
        )
        assert ("todos",) not in ask(empty, LEFT)
