"""The benchmark of growth: its rows are like the app's, and its target counts."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from app.core.clock import new_id
from app.core.settings import Settings
from app.core.text_rules import text_key
from app.features.todos.words import words
from benchmarks import scale, table
from benchmarks.client import Latency
from benchmarks.depth import Depth
from benchmarks.fill import add_todos, add_users, connected
from benchmarks.growth import CASES, Stage
from tests.people import Person

SCHEMA = """
SELECT indexdef FROM pg_indexes WHERE tablename = 'todos' UNION ALL
SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
WHERE 'todos'::regclass IN (conrelid, confrelid) ORDER BY 1
"""


async def test_the_fill_writes_what_the_app_would(ada: Person, settings: Settings) -> None:
    await ada.make_todo("Before")
    now = new_id()
    async with connected(settings) as database:
        schema = await database.fetch(SCHEMA)
        [user] = await add_users(database, 1)
        await add_todos(database, [ada.id, user], projects=2, todos=15, first=7)
        assert await database.fetch(SCHEMA) == schema
        rows = await database.fetch("SELECT * FROM todos WHERE created_by = $1", ada.id)
        of_user = await database.fetchval("SELECT count(*) FROM todos WHERE created_by = $1", user)

    made = [row for row in rows if row["title"] != "Before"]
    assert (len(made), of_user) == (30, 30)
    assert all(row["id"] < now and row["id"].version == 7 for row in made)
    for row in rows:
        assert row["title_key"] == text_key(row["title"])
        assert row["title_words"] == " ".join(words(row["title"]))
        description = row["description"]
        assert row["description_words"] == (description and " ".join(words(description)))
        below = [child["completed_at"] for child in rows if child["parent_id"] == row["id"]]
        counts = (row["subtask_count"], row["completed_subtask_count"])
        assert counts == (len(below), sum(at is not None for at in below))
    assert sum(row["subtask_count"] for row in rows) == 6
    assert {bool(row["description"]) for row in made} == {True, False}
    # One Inbox, and a new todo stands behind all that were there.
    last = await ada.make_todo("After")
    todos = await ada.walk("/v1/todos", project_id=last["project_id"], sort="position")
    assert [todo["title"] for todo in todos[-2:]] == ["Before", "After"]
    assert len(todos) == 17


@pytest.mark.parametrize(
    ("middle", "last", "code"), [(11.9, 12.0, 0), (10.0, 12.1, 1), (12.1, 10.0, 1)]
)
def test_a_deep_page_that_costs_too_much_fails_the_command(
    middle: float,
    last: float,
    code: int,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    latencies = {case: Latency.of([1.0, 2.0, 4.0]) for case in CASES}
    depths = [Depth(100_000, 1, 10.0, 9.0, 9.0), Depth(100_000, 50, 10.0, middle, last)]
    stages = [
        Stage(size, 200 * size, 800 * size, 1.0, settings, [], []) for size in (10_000, 100_000)
    ]

    def run(sizes: Sequence[int], *_: object) -> scale.Result:
        return scale.Result("Facts.", depths, stages, [latencies] * 2)

    readme = tmp_path / "README.md"
    readme.write_text("Before\n<!-- scale -->\nold\n<!-- /scale -->\nAfter\n")
    monkeypatch.setattr(table, "README", readme)
    monkeypatch.setattr(scale, "run", run)
    for check in ("cores", "_check_room"):
        monkeypatch.setattr(scale, check, lambda *_: None)
    command = typer.Typer()
    command.command()(scale.main)

    quick = CliRunner().invoke(command, ["--quick"])
    assert (quick.exit_code, "old" in readme.read_text()) == (code, True)
    whole = CliRunner().invoke(command, [])

    assert whole.exit_code == code
    assert "| 50 | ≤ 1.2 | 10.00 ms |" in readme.read_text()
    assert "| 10,000 | 2 MB + 8 MB | 2.0 / 4.0 |" in readme.read_text()
    assert readme.read_text().endswith("\n<!-- /scale -->\nAfter\n")


def test_too_little_room_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "cores", lambda: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=29 * 10**9))
    command = typer.Typer()
    command.command()(scale.main)

    result = CliRunner().invoke(command, [])

    assert result.exit_code == 1
    assert "scale: 30.0 GB are needed in " in result.output
