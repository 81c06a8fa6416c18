"""What narrows a list by time: dues, overdue, changes; each to the instant, in the right zone."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.context import Context
from app.core.schemas import JsonPage
from app.core.settings import Settings
from app.features.projects.permissions import seen_by
from app.features.recurrence.completion_log import CompletionLog
from app.features.todos.repository import TodoRepository
from app.features.todos.schemas import TodoQuery
from app.features.todos.service import TodoService
from app.security.principal import Principal
from tests.apps import Clock, running
from tests.people import Json, Person, sign_up


async def _titles(person: Person, **params: Any) -> str:
    response = await person.get("/v1/todos", params={"sort": "title", **params})
    assert response.status_code == 200, response.text
    return "".join(todo["title"] for todo in response.json()["items"])


async def _live_in(person: Person, zone: str) -> None:
    response = await person.client.patch("/v1/users/me", json={"timezone": zone})
    assert response.status_code == 200


def _at(local: str, zone: str | None = None) -> Json:
    return {"datetime": local, "timezone": zone}


@pytest.fixture
async def dated(ada: Person) -> Person:
    """Somebody in Auckland (13 hours before UTC) with todos around one midnight, a to f."""
    await _live_in(ada, "Pacific/Auckland")
    for title, due in {
        "a": {"date": "2026-11-29"},
        "b": _at("2026-11-29T23:59:59"),
        "c": {"date": "2026-11-30"},
        "d": _at("2026-11-30T00:00:00"),
        "e": _at("2026-11-30T00:00:00", "Europe/Berlin"),
        "f": _at("2026-11-30T00:00:01"),
        "g": None,
    }.items():
        await ada.make_todo(title, due=due)
    return ada


async def test_a_date_goes_by_wall_clock_as_written(dated: Person) -> None:
    assert await _titles(dated, due_after="2026-11-30") == "cdef"
    assert await _titles(dated, due_before="2026-11-30") == "ab"
    assert await _titles(dated, due_after="2026-11-29", due_before="2026-11-30") == "ab"
    assert await _titles(dated, due_after="2026-12-01") == ""
    assert await _titles(dated, due_after="2026-11-30", due_before="2026-11-30") == ""


async def test_an_instant_is_that_of_a_zone_or_of_the_callers_own(dated: Person) -> None:
    # Midnight in Auckland is 11:00 of the day before in UTC; in Berlin it is 23:00.
    assert await _titles(dated, due_after="2026-11-29T11:00:00Z") == "cdef"
    assert await _titles(dated, due_before="2026-11-29T11:00:00Z") == "ab"
    assert await _titles(dated, due_before="2026-11-30T00:00:00+13:00") == "ab"
    assert await _titles(dated, due_after="2026-11-29T11:00:00.001Z") == "ef"
    assert await _titles(dated, due_after="2026-11-29T23:00:00Z") == "e"
    assert await _titles(dated, due_after="2026-11-30T00:00:00+01:00") == "e"
    assert await _titles(dated, due_after="2026-11-29T23:00:00.001Z") == ""

    await _live_in(dated, "America/New_York")
    # Five hours behind UTC, midnight comes after that of Berlin.
    assert await _titles(dated, due_after="2026-11-30T05:00:00Z") == "cdf"
    assert await _titles(dated, due_before="2026-11-30T05:00:00Z") == "abe"


async def test_has_due_tells_those_with_and_without(dated: Person) -> None:
    assert await _titles(dated, has_due="true") == "abcdef"
    assert await _titles(dated, has_due="false") == "g"
    assert await _titles(dated, has_due="false", due_before="9999-12-31") == ""


async def test_the_first_and_the_last_moments_are_no_others(ada: Person) -> None:
    await ada.make_todo("a", due={"date": "0001-01-01"})
    await ada.make_todo("b", due=_at("9999-12-31T23:59:59"))

    for first in ("0001-01-01", "0001-01-01T00:00:00Z"):
        assert await _titles(ada, due_after=first) == "ab"
        assert await _titles(ada, due_before=first) == ""
    for last in ("9999-12-31", "9999-12-31T23:59:59Z"):
        assert await _titles(ada, due_after=last) == "b"
        assert await _titles(ada, due_before=last) == "a"


@pytest.fixture(scope="module")
async def timed(settings: Settings) -> AsyncIterator[tuple[Clock, FastAPI]]:
    clock = Clock()
    async with running(settings, now=clock) as app:
        yield clock, app


class TestOverdue:
    @pytest.mark.parametrize(
        ("due", "until"),
        [
            # The last moment at which it is not overdue, for somebody in Auckland.
            ({"date": "2026-11-22"}, "2026-11-22T10:59:59.999Z"),
            (_at("2026-11-23T00:00:00"), "2026-11-22T11:00:00.000Z"),
            (_at("2026-11-22T12:00:00", "Europe/Berlin"), "2026-11-22T11:00:00.000Z"),
        ],
    )
    async def test_begins_when_the_due_has_passed(
        self, timed: tuple[Clock, FastAPI], due: Json, until: str
    ) -> None:
        clock, app = timed
        clock.now = datetime.fromisoformat(until)
        async with sign_up(app) as person:
            await _live_in(person, "Pacific/Auckland")
            await person.make_todo("a", due=due)
            assert await _titles(person, overdue="true") == ""
            assert await _titles(person, overdue="false") == "a"
            clock.advance(milliseconds=1)
            assert await _titles(person, overdue="true") == "a"
            assert await _titles(person, overdue="false") == ""

    async def test_is_of_open_todos_only(self, ada: Person) -> None:
        await ada.make_todo("a", due={"date": "2020-01-01"})
        await ada.make_todo("b", due={"date": "2020-01-01"}, completed=True)
        await ada.make_todo("c", due={"date": "2999-01-01"})
        await ada.make_todo("d")

        assert await _titles(ada, overdue="true") == "a"
        assert await _titles(ada, overdue="false") == "bcd"
        assert await _titles(ada, overdue="true", completed="true") == ""

    async def test_goes_by_the_zone_of_who_asks(self, timed: tuple[Clock, FastAPI]) -> None:
        clock, app = timed
        clock.now = Clock().now
        async with sign_up(app) as person:
            await person.make_todo("a", due=_at("2026-11-22T10:00:00"))
            assert await _titles(person, overdue="true") == ""
            await _live_in(person, "Europe/Berlin")
            # There it is 10:00:00.123.
            assert await _titles(person, overdue="true") == "a"

    async def test_says_that_time_changes_it(self, app: FastAPI, ada: Person) -> None:
        assert (await _listed(app, ada, TodoQuery())).valid_until is None
        for overdue in (True, False):
            until = (await _listed(app, ada, TodoQuery(overdue=overdue))).valid_until
            assert until is not None
            assert until <= app.state.now()


async def _listed(app: FastAPI, person: Person, query: TodoQuery) -> JsonPage:
    principal = Principal(person.id, person.id, frozenset())
    reader, signer = app.state.database.reading(None), app.state.cursor_signer
    context = Context("request", app.state.now)
    seen = seen_by(principal)
    todos, completions = TodoRepository(reader, seen), CompletionLog(reader)
    service = TodoService(todos, completions, principal, context, signer, 1, 1)
    return await service.list(query)


async def test_updated_since_is_inclusive(ada: Person) -> None:
    first, second = await ada.make_todo("a"), await ada.make_todo("b")
    changed = await ada.client.patch(f"/v1/todos/{first['id']}", json={"priority": "high"})
    since = changed.json()["updated_at"]

    assert since >= second["updated_at"]
    assert "a" in await _titles(ada, updated_since=since)
    assert await _titles(ada, updated_since="0001-01-01T00:00:00Z") == "ab"
    assert await _titles(ada, updated_since="9999-12-31T23:59:59Z") == ""


_MOMENTS = [
    "tomorrow", "", "2026-13-01", "2026-11-31", "20261130", "2026-W48-1", "2026-11-30 ",
    "2026-11-30T09:00:00", "2026-11-30T09:00Z", "2026-11-30T24:00:00Z", "2026-11-30T09:00:60Z",
    "2026-11-30t24:00:00z", "2026-11-30T09:00:00 01:00", "2026-11-30 09:00:00Z", "1795942800",
    "2026-11-30T09:00:00+0100", "2026-11-30T09:00:00+25:00", "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00", "2026-11-30T09:00:00.1234567890Z", "2026-11-30T09:00:00.Z",
    "2026-11-30T09:00:00,5Z", "2026-11-30T09:00:00+01:60", "2026-11-30T09:00:00zz", "٢٠٢٦-11-30",
    "infinity", "now",
]  # fmt: skip


@pytest.mark.parametrize("end", ["Z", "z", "+00:00", "-00:00"])
@pytest.mark.parametrize("separator", ["T", "t"])
@pytest.mark.parametrize("digits", ["1", "12", "123", "1239", "1239999", "12399999", "123999999"])
def test_an_instant_is_read_as_rfc_3339_writes_it_and_cut_to_the_millisecond(
    digits: str, separator: str, end: str
) -> None:
    text = f"2026-11-30{separator}09:00:00.{digits}{end}"
    milliseconds = int(digits[:3].ljust(3, "0"))
    instant = datetime(2026, 11, 30, 9, microsecond=milliseconds * 1000, tzinfo=UTC)
    for name in ("due_after", "due_before", "updated_since"):
        assert getattr(TodoQuery.model_validate({name: text}), name) == instant


async def test_digits_that_are_cut_do_not_count(ada: Person) -> None:
    todo = await ada.make_todo("a", due=_at("2026-11-30T09:00:01", "UTC"))
    second = "2026-11-30t09:00:01.000999999z"
    assert await _titles(ada, due_before=second) == ""
    assert await _titles(ada, due_after=second) == "a"
    assert await _titles(ada, due_before="2026-11-30T09:00:01.001Z") == "a"
    nanoseconds = todo["updated_at"].replace("Z", "999999z")
    assert await _titles(ada, updated_since=nanoseconds) == "a"


def _error(response: Response) -> tuple[str, str]:
    assert response.status_code == 422, response.text
    [error] = response.json()["errors"]
    assert error["in"] == "query"
    return error["pointer"], error["code"]


@pytest.mark.parametrize("text", _MOMENTS)
async def test_what_is_no_moment_is_refused(ada: Person, text: str) -> None:
    for name in ("due_after", "due_before"):
        response = await ada.get("/v1/todos", params={name: text})
        assert _error(response) == (f"/{name}", "invalid_date_or_instant")
    response = await ada.get("/v1/todos", params={"updated_since": text})
    assert _error(response) == ("/updated_since", "invalid_instant")


async def test_a_plus_that_arrives_as_a_space_is_told(ada: Person) -> None:
    response = await ada.get("/v1/todos?due_after=2026-11-30T09:00:00+01:00")

    assert _error(response) == ("/due_after", "invalid_date_or_instant")
    assert "%2B" in response.json()["errors"][0]["message"]
    assert (await ada.get("/v1/todos?due_after=2026-11-30T09:00:00%2B01:00")).status_code == 200


async def test_a_date_is_no_instant_and_a_flag_is_true_or_false(ada: Person) -> None:
    since = await ada.get("/v1/todos?updated_since=2026-11-30")
    assert _error(since) == ("/updated_since", "invalid_instant")
    for name in ("has_due", "overdue", "include_total"):
        response = await ada.get(f"/v1/todos?{name}=yes")
        assert _error(response) == (f"/{name}", "wrong_type")
