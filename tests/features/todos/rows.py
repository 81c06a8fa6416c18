"""Todos put there by SQL, as HTTP cannot make them: equal times, any position; and their order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import asyncpg
from hypothesis import strategies as st

from app.core.text_rules import text_key
from app.features.todos.models import PRIORITIES, SORTED_TITLE
from tests.people import Json, Person

START = datetime.fromisoformat("2026-11-22T09:00:00+00:00")
SORTS = tuple(
    sign + name
    for name in ("created_at", "updated_at", "completed_at", "due", "priority", "title", "position")
    for sign in ("", "-")
)
# So many that lists of all do not read each of them whole.
PROJECTS = 7

# Few of each, so that ties are common.
_TIMES = st.integers(0, 2).map(lambda ms: START + timedelta(milliseconds=ms))
# Longer than an entry of an index may be, and alike in more than a cursor holds.
_LONG = "\ufdfa" * 490
_ALIKE = "b" * SORTED_TITLE
_TITLES = st.sampled_from(
    [
        *("b", "B", "a", "\uff22", "\u00df", _LONG, _LONG + "a", _LONG + "b"),
        *(_ALIKE, _ALIKE[1:], _ALIKE + "a", _ALIKE.upper() + "c", "\U0010ffff" * 500),
    ]
)
_DUES = st.sampled_from(
    [
        None,
        "2020-02-29",
        "2020-02-29T09:00:00",
        "2020-02-29T09:00:00 Europe/Berlin",
        "2026-11-30",
        "2026-12-01",
        "2026-11-30T00:00:00",
        "2026-11-30T09:00:00",
        "2026-11-30T09:00:00 Europe/Berlin",
        "2026-11-30T09:00:00 Pacific/Auckland",
        "2026-11-30T09:00:01 America/New_York",
    ]
)


@dataclass(frozen=True)
class Row:
    """A todo below the `parent`th of three places, in the `project`th project."""

    position: str
    salt: int = 0
    project: int = 0
    parent: int = 0
    created_at: datetime = START
    due: str | None = None
    priority: str = "none"
    completed: bool = False
    title: str = "Row"
    changed_at: datetime = START

    @property
    def title_key(self) -> str:
        return text_key(self.title)

    @property
    def completed_at(self) -> datetime | None:
        return self.changed_at if self.completed else None

    def due_instant(self, zone: ZoneInfo, days: int = 0) -> datetime:
        """When it is due for somebody in that zone; some days later, if it is all day."""
        assert self.due is not None
        local, _, name = self.due.partition(" ")
        later = timedelta(days=0 if "T" in local else days)
        there = ZoneInfo(name) if name else zone
        return (datetime.fromisoformat(local) + later).replace(tzinfo=there)

    @property
    def due_local(self) -> datetime | None:
        return None if self.due is None else datetime.fromisoformat(self.due.split()[0])


@dataclass
class Shelf:
    """Projects of somebody, each with two parents, and rows in three places: top and below."""

    owner: Person
    projects: list[Json]
    parents: list[list[UUID]] = field(default_factory=list)

    def id_of(self, row: Row) -> UUID:
        return uuid5(self.owner.id, repr(row))

    async def clear(self, database: asyncpg.Connection) -> None:
        """Leave two parents in each project, older than all other rows."""
        ids = [UUID(project["id"]) for project in self.projects]
        await database.execute("DELETE FROM todos WHERE project_id = ANY($1)", ids)
        self.parents = [[uuid5(project, "first"), uuid5(project, "second")] for project in ids]
        ages = (START - timedelta(days=1), None)
        known = (START - timedelta(days=1), "Parent", "parent")
        await database.executemany(
            _INSERT,
            [
                (
                    parent,
                    project,
                    None,
                    1,
                    self.owner.id,
                    0,
                    None,
                    None,
                    False,
                    f"0{number}",
                    *ages,
                    *known,
                )
                for project, pair in zip(ids, self.parents, strict=True)
                for number, parent in enumerate(pair)
            ],
        )

    async def put(self, database: asyncpg.Connection, rows: Iterable[Row]) -> None:
        await database.executemany(_INSERT, [self._values(row) for row in rows])
        await self.owner.invalidate()

    async def take(self, database: asyncpg.Connection, rows: Iterable[Row]) -> None:
        ids = [self.id_of(row) for row in rows]
        await database.execute("DELETE FROM todos WHERE id = ANY($1)", ids)
        await self.owner.invalidate()

    def parent_of(self, row: Row) -> UUID | None:
        return self.parents[row.project][row.parent - 1] if row.parent else None

    def _values(self, row: Row) -> tuple[object, ...]:
        _, _, timezone = (row.due or "").partition(" ")
        return (
            self.id_of(row),
            UUID(self.projects[row.project]["id"]),
            self.parent_of(row),
            2 if row.parent else 1,
            self.owner.id,
            PRIORITIES.index(row.priority),
            row.due_local,
            timezone or None,
            row.due is not None and "T" not in row.due,
            row.position,
            row.created_at,
            row.completed_at,
            row.changed_at,
            row.title,
            row.title_key,
        )

    def in_order(self, rows: Iterable[Row], sort: str) -> list[str]:
        """The ids as the contract orders them: nulls last both ways, ties by id."""
        descending = sort.startswith("-")
        name = sort.removeprefix("-")
        keys: dict[str, Callable[[Row], Any]] = {
            "created_at": lambda row: (row.created_at, self.id_of(row)),
            "updated_at": lambda row: (row.changed_at, self.id_of(row)),
            "completed_at": lambda row: (row.completed_at, self.id_of(row)),
            "due": lambda row: (row.due_local, self.id_of(row)),
            "priority": lambda row: (PRIORITIES.index(row.priority), self.id_of(row)),
            "title": lambda row: (row.title_key[:SORTED_TITLE], self.id_of(row)),
            "position": lambda row: (row.position.encode(), self.id_of(row)),
        }
        key = keys[name]
        rows = list(rows)
        without = [row for row in rows if key(row)[0] is None]
        having = [row for row in rows if key(row)[0] is not None]
        return [
            str(self.id_of(row))
            for row in (
                *sorted(having, key=key, reverse=descending),
                *sorted(without, key=self.id_of, reverse=descending),
            )
        ]


async def make_shelf(owner: Person) -> Shelf:
    return Shelf(owner, [await owner.make_project(f"{number}") for number in range(PROJECTS)])


def rows(*, salt: int = 0, max_size: int = 24) -> st.SearchStrategy[list[Row]]:
    """Rows of which no two siblings share a position; other salts never share one."""
    position = st.text("1aAzZ9", min_size=1, max_size=2).map(lambda text: f"{text}{salt}")
    row = st.builds(
        Row,
        salt=st.just(salt),
        project=st.integers(0, PROJECTS - 1),
        parent=st.integers(0, 2),
        position=position,
        created_at=_TIMES,
        due=_DUES,
        priority=st.sampled_from(PRIORITIES),
        completed=st.booleans(),
        title=_TITLES,
        changed_at=_TIMES,
    )
    return st.lists(
        row, max_size=max_size, unique_by=lambda row: (row.project, row.parent, row.position)
    )


_INSERT = """
INSERT INTO todos (id, project_id, parent_id, depth, created_by, title, title_key, priority,
    due_local, due_timezone, due_all_day, due_at, position, subtask_count,
    completed_subtask_count, version, created_at, updated_at, completed_at)
VALUES ($1, $2, $3, $4, $5, $14, $15, $6, $7, $8, $9, $7::timestamp AT TIME ZONE $8::varchar,
    $10, 0, 0, 1, $11, $13, $12)
"""
