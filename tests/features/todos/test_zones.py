"""Dues without a zone are judged by the caller's, as `tzdata` has it; PostgreSQL knows no zone."""

import json
import re
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import new_id
from app.core.context import Context
from app.database.statement import Statement
from app.features.projects.permissions import seen_by
from app.features.recurrence.completion_log import CompletionLog
from app.features.todos.repository import TodoRepository
from app.features.todos.schemas import TodoQuery
from app.features.todos.service import TodoService
from app.features.todos.sql import reads, search
from app.features.todos.sql.filters import _FILTERS
from app.features.todos.sql.sorting import ORDERS
from app.security.principal import Principal
from tests.core import wall_clocks
from tests.features.due.test_wall_clocks import moments
from tests.people import Json, Person

_ROOT = Path(__file__).parents[3]
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


async def _titles(person: Person, **params: Any) -> str:
    response = await person.get("/v1/todos", params={"sort": "title", **params})
    assert response.status_code == 200, response.text
    return "".join(todo["title"] for todo in response.json()["items"])


async def _live_in(person: Person, zone: str) -> None:
    response = await person.client.patch("/v1/users/me", json={"timezone": zone})
    assert response.status_code == 200, response.text


def _floating(local: str) -> Json:
    return {"datetime": local, "timezone": None}


@pytest.mark.parametrize(
    ("zone", "offset"),
    [
        # PostgreSQL takes these for the names of fixed offsets.
        ("CET", 2), ("MET", 2), ("EET", 3), ("WET", 1), ("EST5EDT", -4), ("EST", -5), ("MST", -7),
        ("HST", -10),
        # It has these only where its packager left them in.
        ("Asia/Calcutta", 5.5), ("US/Pacific", -7), ("US/Hawaii", -10), ("Etc/GMT+5", -5),
        ("Europe/Kyiv", 3), ("America/Coyhaique", -3),
    ],
)  # fmt: skip
async def test_any_zone_of_an_account_is_that_of_its_floating_dues(
    ada: Person, zone: str, offset: float
) -> None:
    await _live_in(ada, zone)
    await ada.make_todo("a", due=_floating("2027-07-01T12:00:00"))
    await ada.make_todo("b", due={"datetime": "2027-07-01T12:00:00", "timezone": zone})
    await ada.make_todo("c", due={"date": "2027-07-02"})

    noon = datetime(2027, 7, 1, 12) - timedelta(hours=offset)  # noqa: DTZ001 - UTC
    for before, found in ((noon, ""), (noon + _SECOND, "ab")):
        at = f"{before.isoformat()}Z"
        assert await _titles(ada, due_before=at) == found
        assert await _titles(ada, due_after=at) == "abc"[len(found) :]
    # Whoever writes Z is answered by the same instants, whatever the zone was before.
    await _live_in(ada, "UTC")
    assert await _titles(ada, due_before="2027-07-01T12:00:00Z") == ("b" if offset > 0 else "")


async def test_another_zone_counts_at_once_in_every_process(
    ada: Person, database: asyncpg.Connection
) -> None:
    await ada.make_todo("a", due=_floating("2027-07-01T12:00:00"))
    for zone, found in (("UTC", ""), ("Asia/Tokyo", "a"), ("UTC", "")):
        # As if somebody else had changed it.
        await database.execute("UPDATE users SET timezone = $1 WHERE id = $2", zone, ada.id)
        await ada.invalidate()
        for sought in ({}, {"q": "a"}):
            params = {"due_before": "2027-07-01T10:00:00Z", "include_total": "true", **sought}
            page = (await ada.get("/v1/todos", params=params)).json()
            assert "".join(todo["title"] for todo in page["items"]) == found
            assert page["total"] == len(found)


async def test_a_zone_that_is_no_longer_known_is_utc(
    ada: Person, database: asyncpg.Connection
) -> None:
    await ada.make_todo("a", due=_floating("2027-07-01T12:00:00"))
    await database.execute("UPDATE users SET timezone = 'Mars/Olympus' WHERE id = $1", ada.id)
    await ada.invalidate()

    assert await _titles(ada, due_before="2027-07-01T12:00:01Z") == "a"
    assert await _titles(ada, due_before="2027-07-01T12:00:00Z") == ""
    assert await _titles(ada, overdue="false") == "a"


@dataclass(frozen=True)
class Due:
    """A due as it is stored: `zone` is "" for a day, None if it floats."""

    clock: datetime
    zone: str | None

    def instant(self, callers: str) -> datetime:
        return wall_clocks.instant_of(self.clock, self.zone or callers)

    def has_passed(self, now: datetime, callers: str) -> bool:
        if self.zone == "":
            return wall_clocks.instant_of(self.clock + _DAY, callers) <= now
        return self.instant(callers) < now


@st.composite
def cases(draw: st.DrawFn) -> tuple[datetime, str, list[Due]]:
    """An instant, the caller's zone, and dues near it: just there, a half-hour or a day away."""
    instant, name = draw(moments())
    shown = wall_clocks.shown(instant, name).replace(microsecond=0)
    steps = st.integers(-3, 3).map(lambda halves: timedelta(minutes=30 * halves))
    seconds = st.integers(-1, 1).map(lambda second: second * _SECOND)
    times = st.builds(lambda step, second: shown + step + second, steps, seconds)
    midnight = shown.replace(hour=0, minute=0, second=0)
    days = st.integers(-2, 2).map(lambda day: Due(midnight + day * _DAY, ""))
    others = st.none() | st.just(name) | st.sampled_from(wall_clocks.ODD_NAMES)
    dues = st.lists(st.builds(Due, times, others), min_size=6, max_size=12)
    return instant, name, [*draw(dues), *draw(st.lists(days, min_size=3, max_size=5))]


_INSERT = """
INSERT INTO todos (id, project_id, depth, created_by, title, title_key, priority, due_local,
    due_timezone, due_all_day, due_at, position, subtask_count, completed_subtask_count, version,
    created_at, updated_at)
VALUES ($1, $2, 1, $3, 'T', 't', 0, $4, $5, $6, $7, $8, 0, 0, 1, now(), now())
"""


@given(case=cases())
async def test_lists_agree_with_the_clocks(
    app: FastAPI, ada: Person, database: asyncpg.Connection, case: tuple[datetime, str, list[Due]]
) -> None:
    now, zone, dues = case
    inbox = (await database.fetchval("SELECT id FROM projects WHERE created_by = $1", ada.id),)
    await database.execute("DELETE FROM todos WHERE created_by = $1", ada.id)
    await database.execute("UPDATE users SET timezone = $1 WHERE id = $2", zone, ada.id)
    known = {str(new_id()): due for due in dues}
    await database.executemany(
        _INSERT,
        [
            (id_, *inbox, ada.id, due.clock, due.zone or None, due.zone == "",
             due.instant(zone) if due.zone else None, id_)
            for id_, due in known.items()
        ],
    )  # fmt: skip
    at = f"{now.replace(tzinfo=None).isoformat()}Z"
    asked: list[tuple[Json, Any]] = [
        ({"due_before": at}, lambda due: due.instant(zone) < now),
        ({"due_after": at}, lambda due: due.instant(zone) >= now),
        ({"overdue": "true"}, lambda due: due.has_passed(now, zone)),
        ({"overdue": "false"}, lambda due: not due.has_passed(now, zone)),
    ]
    for params, is_meant in asked:
        for sort in ("due", "-created_at"):
            found = await _found(app, ada, now, TodoQuery.model_validate({**params, "sort": sort}))
            assert found == {id_ for id_, due in known.items() if is_meant(due)}, params


async def _found(app: FastAPI, person: Person, now: datetime, query: TodoQuery) -> set[str]:
    """What the service lists at that time: a token of 1900 would be good for nothing."""
    principal = Principal(person.id, person.id, frozenset())
    reader, signer = app.state.database.reading(None), app.state.cursor_signer
    context = Context("request", lambda: now)
    seen = seen_by(principal)
    todos, completions = TodoRepository(reader, seen), CompletionLog(reader)
    service = TodoService(todos, completions, principal, context, signer, 1, 1)
    listed = await service.list(query)
    return {json.loads(item)["id"] for item in listed.items}


# Whatever has PostgreSQL look at a zone, and which.
_ASKS_FOR_A_ZONE = re.compile(
    r"AT\s+TIME\s+ZONE\s+(\S+)|\bSET\s+(?:LOCAL\s+|SESSION\s+)?TIME\s*ZONE\s+(\S+)"
    r"|\btimezone\(([^,)]*)|\b(make_timestamptz|current_date|localtimestamp|pg_timezone_\w+)\b",
    re.IGNORECASE,
)


def _zones_in(sql: str) -> set[str]:
    return {"".join(match.groups(default="")) for match in _ASKS_FOR_A_ZONE.finditer(sql)}


def test_no_statement_asks_postgresql_for_a_zone() -> None:
    asked = [(sort, frozenset[str]()) for sort in ORDERS]
    asked += [("due", frozenset({name})) for name in _FILTERS]
    lists = [
        page(sort, filters, is_first=False, with_total=True)
        for page in (reads.page, search.page)
        for sort, filters in asked
    ]
    modules = [module for name, module in sys.modules.items() if name.startswith("app.")]
    known = [each for module in modules for each in vars(module).values()]
    statements = [each for each in (*lists, *known) if isinstance(each, Statement)]
    assert any("FROM projects" in each.sql for each in statements)
    # What `to_char` writes is in UTC.
    assert set().union(*(_zones_in(each.sql) for each in statements)) == {"'UTC'"}


def test_no_text_of_sql_asks_postgresql_for_a_zone() -> None:
    for folder in ("app", "migrations"):
        for path in (_ROOT / folder).rglob("*.py"):
            code = path.read_text("utf-8")
            assert _zones_in(code) <= {'"UTC"'}, path


@pytest.mark.parametrize(
    ("sql", "zones"),
    [
        ("SELECT now() AT TIME ZONE $1", {"$1"}),
        ("SELECT timezone('Europe/Berlin', due_local)", {"'Europe/Berlin'"}),
        ("SET LOCAL TIME ZONE 'CET'", {"'CET'"}),
        ("SELECT current_date", {"current_date"}),
        ("SELECT CAST($1 AS TIMESTAMP WITH TIME ZONE)", set()),
    ],
)
def test_a_statement_that_did_would_be_seen(sql: str, zones: set[str]) -> None:
    assert _zones_in(sql) == zones
