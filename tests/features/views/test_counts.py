"""`/v1/counts`: what is open and overdue, by project and by label."""

from collections import Counter
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import new_id
from app.core.context import Context
from app.features.projects.permissions import seen_by
from app.features.recurrence.completion_log import CompletionLog
from app.features.todos.repository import TodoRepository
from app.features.todos.schemas import CountQuery
from app.features.todos.service import TodoService
from app.features.views.service import ViewService
from app.security.principal import Principal
from tests.apps import client_of
from tests.features.views.asking import at, code, live_in, patch
from tests.people import Json, Person, share, sign_in

_LATE = {"date": "2020-01-01"}
Counts = dict[str, tuple[int, int]]


async def counts(person: Person, by: str, **params: Any) -> Counts:
    """By id, all pages of them."""
    found = await person.walk("/v1/counts", by=by, **params)
    assert len({item["id"] for item in found}) == len(found)
    return {item["id"]: (item["open_count"], item["overdue_count"]) for item in found}


async def totals(person: Person, **params: Any) -> tuple[int, int]:
    """How many there are by the lists of todos."""
    pages = [
        await person.get("/v1/todos", params={**params, **each, "limit": 1, "include_total": True})
        for each in ({"completed": "false"}, {"overdue": "true"})
    ]
    is_open, overdue = (page.json()["total"] for page in pages)
    return is_open, overdue


async def test_each_project_is_counted_those_without_todos_too(ada: Person) -> None:
    inbox, empty, full = await ada.inbox(), await ada.make_project(), await ada.make_project()
    parent = await ada.make_todo(project_id=full["id"])
    await ada.make_todo(parent_id=parent["id"], due=_LATE)
    await ada.make_todo(project_id=full["id"], due={"date": "2999-01-01"})
    await ada.make_todo(project_id=full["id"], due=_LATE, completed=True)
    trashed = await ada.make_todo(project_id=full["id"], due=_LATE)
    await ada.client.delete(f"/v1/todos/{trashed['id']}")
    await ada.make_todo(due=at("2020-01-01T09:00:00"))

    expected = {inbox["id"]: (1, 1), empty["id"]: (0, 0), full["id"]: (3, 1)}
    assert await counts(ada, "project") == expected
    for project, found in expected.items():
        assert await totals(ada, project_id=project) == found


async def test_a_project_that_is_archived_is_counted_and_a_deleted_one_is_not(ada: Person) -> None:
    old, gone, below = await ada.make_project(), await ada.make_project(), {}
    below = await ada.make_project(parent_id=gone["id"])
    for project in (old, gone, below):
        await ada.make_todo(project_id=project["id"], due=_LATE)
    await patch(ada, f"/v1/projects/{old['id']}", archived=True)
    await ada.client.delete(f"/v1/projects/{gone['id']}")

    inbox = await ada.inbox()
    assert await counts(ada, "project") == {inbox["id"]: (0, 0), old["id"]: (1, 1)}


async def test_each_label_of_the_callers_own_is_counted(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    home, unused = await ada.make_label("Home"), await ada.make_label("Unused")
    await ada.make_todo(labels=["HOME"], due=_LATE)
    await ada.make_todo(labels=["home", "made"])
    await ada.make_todo(labels=["home"], due=_LATE, completed=True)
    trashed = await ada.make_todo(labels=["home"])
    await ada.client.delete(f"/v1/todos/{trashed['id']}")
    old = await ada.make_project()
    await ada.make_todo(labels=["home"], project_id=old["id"])
    await patch(ada, f"/v1/projects/{old['id']}", archived=True)
    # There it is Bob's label, which has the same name.
    theirs = await bob.make_project()
    await bob.make_todo(labels=["home"], project_id=theirs["id"])
    await share(database, theirs, ada)

    labels = {each["name"]: each["id"] for each in await ada.walk("/v1/labels")}
    assert labels.keys() == {"Home", "Unused", "made"}
    assert await counts(ada, "label") == {
        home["id"]: (2, 1),
        unused["id"]: (0, 0),
        labels["made"]: (1, 0),
    }
    [mine] = (await counts(bob, "label")).values()
    assert mine == (1, 0)


async def test_a_label_keeps_its_counts_by_another_name_and_loses_them_with_it(ada: Person) -> None:
    label = await ada.make_label("Home")
    await ada.make_todo(labels=["home"], due=_LATE)

    await patch(ada, f"/v1/labels/{label['id']}", name="Stra\u00dfe")
    assert await counts(ada, "label") == {label["id"]: (1, 1)}
    await ada.client.delete(f"/v1/labels/{label['id']}")
    assert await counts(ada, "label") == {}


async def test_overdue_goes_by_the_callers_zone(ada: Person) -> None:
    await ada.make_todo(labels=["home"], due=at("2020-01-01T09:00:00"))
    clock = (await ada.make_todo())["created_at"].removesuffix("Z").partition(".")[0]
    await ada.make_todo(labels=["home"], due=at(clock))

    for zone, overdue in (("Pacific/Honolulu", 1), ("Pacific/Auckland", 2)):
        await live_in(ada, zone)
        assert [*(await counts(ada, "label")).values()] == [(2, overdue)]
        assert [*(await counts(ada, "project")).values()] == [(3, overdue)]


async def test_members_count_what_they_see(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    await ada.make_todo(project_id=project["id"], due=_LATE)
    await ada.make_todo()
    assert await counts(bob, "project") == {(await bob.inbox())["id"]: (0, 0)}

    await share(database, project, bob, "viewer")

    assert await counts(bob, "project") == {
        (await bob.inbox())["id"]: (0, 0),
        project["id"]: (1, 1),
    }


async def test_a_token_for_one_project_counts_that_and_its_labels(
    app: FastAPI, ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    await ada.make_todo(project_id=project["id"], labels=["home"], due=_LATE)
    await ada.make_todo(labels=["home", "other"])
    [home] = [each for each in await ada.walk("/v1/labels") if each["name"] == "home"]
    await share(database, project, bob)

    for person in (ada, bob):
        limited = Principal(person.id, new_id(), frozenset({"projects:read"}), UUID(project["id"]))
        reader, signer = app.state.database.reading(None), app.state.cursor_signer
        repository = TodoRepository(reader, seen_by(limited))
        context = Context("a", app.state.now)
        todos = TodoService(repository, CompletionLog(reader), limited, context, signer, 1, 1)
        for by, named in (("project", project), ("label", home)):
            query = CountQuery.model_validate({"by": by})
            page = await ViewService(todos, limited).counts(query)
            assert page.items == [f'{{"id":"{named["id"]}","open_count":1,"overdue_count":1}}']


class TestScopes:
    @pytest.mark.parametrize("by", ["project", "label"])
    async def test_by_project_needs_both(self, app: FastAPI, ada: Person, by: str) -> None:
        async def asked(scope: str) -> Response:
            tokens = await sign_in(ada.client, ada.user["email"], scope=scope)
            async with client_of(app, tokens["access_token"]) as client:
                return await client.get(f"/v1/counts?by={by}")

        for scope, missing in {
            "todos:read projects:read": None,
            "todos:read": "projects:read" if by == "project" else None,
            "projects:read": "todos:read",
        }.items():
            response = await asked(scope)
            if missing is None:
                assert response.status_code == 200
                continue
            assert response.status_code == 403
            problem = response.json()
            assert (problem["code"], problem["params"]) == (
                "insufficient_scope",
                {"scope": missing},
            )
            assert f'scope="{missing}"' in response.headers["www-authenticate"]

    async def test_without_a_token_it_is_401(self, client: AsyncClient) -> None:
        assert (await client.get("/v1/counts?by=label")).status_code == 401


class TestPage:
    async def test_is_a_list_like_any_other(self, ada: Person) -> None:
        for name in ("Here", "There"):
            await ada.make_project(name)
            await ada.make_label(name)
        for by in ("project", "label"):
            newest = [each["id"] for each in await ada.walk(f"/v1/{by}s")]
            assert [*await counts(ada, by)] == [*await counts(ada, by, limit=1)] == newest
            oldest = [*await counts(ada, by, sort="created_at", limit=1)]
            assert oldest == newest[::-1]

            page = await ada.get(f"/v1/counts?by={by}&limit=1&include_total=true")
            assert page.json()["total"] == len(newest)
            assert page.links["next"]["url"].startswith("/v1/counts?by=")
            # What is overdue changes with the clock.
            again = await ada.get(f"/v1/counts?by={by}")
            assert again.headers["x-cache"] == "bypass"
            same = await ada.get(
                f"/v1/counts?by={by}", headers={"If-None-Match": again.headers["etag"]}
            )
            assert same.status_code == 304

    async def test_may_be_empty(self, ada: Person) -> None:
        page = await ada.get("/v1/counts?by=label&include_total=true")
        assert page.json() == {"items": [], "next_cursor": None, "total": 0}

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ("", "/by"),
            ("by=", "/by"),
            ("by=todo", "/by"),
            ("by=project&by=label", "/by"),
            ("by=label&sort=name", "/sort"),
            ("by=label&limit=0", "/limit"),
            ("by=label&cursor=x", "/cursor"),
            ("by=label&project_id=x", "/project_id"),
        ],
    )
    async def test_of_what_it_does_not_know_is_refused(
        self, ada: Person, query: str, pointer: str
    ) -> None:
        assert code(await ada.get(f"/v1/counts?{query}"))[::2] == (422, pointer)

    async def test_of_a_cursor_of_the_other_is_refused(self, ada: Person) -> None:
        for name in ("Here", "There"):
            await ada.make_project(name)
            await ada.make_label(name)
        cursors = {
            by: (await ada.get(f"/v1/counts?by={by}&limit=1")).json()["next_cursor"]
            for by in ("project", "label")
        }
        for by, other in (("project", "label"), ("label", "project")):
            response = await ada.get(f"/v1/counts?by={by}&cursor={cursors[other]}")
            assert code(response) == (422, "cursor_invalid", "/cursor")


_TODOS = st.lists(
    st.fixed_dictionaries(
        {
            "project": st.integers(0, 3),
            "labels": st.sets(st.sampled_from("abc")),
            "completed": st.booleans(),
            "due": st.sampled_from(
                [
                    None,
                    _LATE,
                    {"date": "2999-01-01"},
                    at("2020-01-01T09:00:00"),
                    at("2020-01-01T09:00:00", "Asia/Tokyo"),
                    at("2999-01-01T09:00:00", "Asia/Tokyo"),
                ]
            ),
        }
    ),
    max_size=12,
)


@given(todos=_TODOS)
async def test_counts_are_what_one_would_count(
    ada: Person, database: asyncpg.Connection, todos: list[Json]
) -> None:
    known = await ada.walk("/v1/projects", sort="created_at")
    while len(known) < 4:
        known.append(await ada.make_project())
    await database.execute("DELETE FROM todos WHERE created_by = $1", ada.id)
    projects: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    late_projects, late_labels = projects.copy(), labels.copy()
    for todo in todos:
        place = known[todo["project"]]["id"]
        fields = {name: todo[name] for name in ("completed", "due")}
        await ada.make_todo(project_id=place, labels=[*todo["labels"]], **fields)
        is_open = not todo["completed"]
        is_late = is_open and todo["due"] is not None and "2020" in str(todo["due"])
        projects[place] += is_open
        late_projects[place] += is_late
        labels.update(todo["labels"] if is_open else ())
        late_labels.update(todo["labels"] if is_late else ())

    assert await counts(ada, "project", limit=3) == {
        each["id"]: (projects[each["id"]], late_projects[each["id"]]) for each in known
    }
    assert await counts(ada, "label", limit=2) == {
        each["id"]: (labels[each["name"]], late_labels[each["name"]])
        for each in await ada.walk("/v1/labels")
    }
