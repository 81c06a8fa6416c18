"""Views agree with what clocks show, whatever the zone, the day and the due."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import asyncpg
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import new_id
from app.core.context import Context
from app.core.schemas import JsonPage
from app.features.projects.permissions import seen_by
from app.features.recurrence.completion_log import CompletionLog
from app.features.todos.repository import TodoRepository
from app.features.todos.service import TodoService
from app.features.views.schemas import UpcomingQuery, ViewQuery
from app.features.views.service import ViewService
from app.security.principal import Principal
from tests.core import wall_clocks
from tests.features.todos.test_zones import _INSERT, Due
from tests.people import Person

_DAY = timedelta(days=1)
# Away from a midnight.
_STEPS = st.sampled_from([0, 0, -1, 1, -1800, 1800, -3600, 3600, 40_000])


@dataclass(frozen=True)
class Case:
    """A moment, the zone of who asks then and for how many days to come, and dues."""

    now: datetime
    zone: str
    days: int
    dues: list[Due]

    @property
    def today(self) -> date:
        return wall_clocks.shown(self.now, self.zone).date()

    def day_of(self, due: Due) -> date:
        """The caller's day on which it is due."""
        if due.zone:
            return wall_clocks.shown(due.instant(self.zone), self.zone).date()
        return due.clock.date()


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zones = st.sampled_from(wall_clocks.NAMES) | st.sampled_from(wall_clocks.ODD_NAMES)
    # Before, some clocks went back over midnight: a day began twice.
    zone, year = draw(zones), draw(st.integers(2012, 2100))
    changes = wall_clocks.changes(zone, year) or [datetime(year, 12, 31, 12, tzinfo=UTC)]
    away = draw(st.integers(-200_000, 200_000))
    now, days = draw(st.sampled_from(changes)) + timedelta(seconds=away), draw(st.integers(1, 90))
    today = datetime.combine(wall_clocks.shown(now, zone).date(), time.min)

    def due(day: int, step: int, kind: str | None) -> Due:
        midnight = today + day * _DAY
        near = midnight + timedelta(seconds=step)
        if kind in ("", None):
            return Due(midnight if kind == "" else near, kind)
        assert kind is not None
        instant = wall_clocks.instant_of(midnight, zone) + timedelta(seconds=step)
        return Due(wall_clocks.shown(instant, kind), kind)

    when = st.sampled_from([-1, 0, 1, 1, 2, days, days + 1, days + 1, days + 2])
    kinds = st.sampled_from(["", "", None, None, zone]) | st.sampled_from(wall_clocks.ODD_NAMES)
    dues = draw(st.lists(st.builds(due, when, _STEPS, kinds), min_size=10, max_size=30))
    return Case(now, zone, days, dues)


@given(case=cases())
async def test_a_view_has_what_is_due_on_the_callers_days(
    app: FastAPI, ada: Person, database: asyncpg.Connection, case: Case
) -> None:
    inbox = await database.fetchval("SELECT id FROM projects WHERE created_by = $1", ada.id)
    await database.execute("DELETE FROM todos WHERE created_by = $1", ada.id)
    await database.execute("UPDATE users SET timezone = $1 WHERE id = $2", case.zone, ada.id)
    known = {str(new_id()): due for due in case.dues}
    await database.executemany(
        _INSERT,
        [
            (id_, inbox, ada.id, due.clock, due.zone or None, due.zone == "",
             due.instant(case.zone) if due.zone else None, id_)
            for id_, due in known.items()
        ],
    )  # fmt: skip
    views = _views(app, ada, case.now)
    last_day = case.today + case.days * _DAY
    for sort in ("due", "-due", "-created_at"):
        query = {"sort": sort, "limit": 200}
        upcoming = UpcomingQuery.model_validate({**query, "days": case.days})
        today = _ids(await views.today(ViewQuery.model_validate(query)))
        overdue = _ids(await views.overdue(ViewQuery.model_validate(query)))
        to_come = _ids(await views.upcoming(upcoming))

        assert today == {id_ for id_, due in known.items() if case.day_of(due) <= case.today}
        assert to_come == {
            id_ for id_, due in known.items() if case.today < case.day_of(due) <= last_day
        }
        assert overdue == {id_ for id_, due in known.items() if due.has_passed(case.now, case.zone)}
        assert overdue <= today


def _views(app: FastAPI, person: Person, now: datetime) -> ViewService:
    """The service at that time: a token of 2100 would be good for nothing."""
    principal = Principal(person.id, person.id, frozenset())
    reader, signer = app.state.database.reading(None), app.state.cursor_signer
    repository = TodoRepository(reader, seen_by(principal))
    todos = TodoService(
        repository, CompletionLog(reader), principal, Context("a", lambda: now), signer, 1, 1
    )
    return ViewService(todos, principal)


def _ids(page: JsonPage) -> set[str]:
    return {json.loads(item)["id"] for item in page.items}
