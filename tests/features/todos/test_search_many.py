"""A search for a word that very many todos have: filters first, then the newest of each project."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.people import Json, Person

_PUT = """
INSERT INTO todos (id, project_id, depth, created_by, title, title_key, title_words, priority,
    due_all_day, position, subtask_count, completed_subtask_count, version, created_at, updated_at,
    completed_at)
SELECT gen_random_uuid(), $1, 1, $2, $3, $3, $3, 0, false, 'a' || lpad(n::text, 8, '0'), 0, 0, 1,
    at, at, CASE WHEN $5 THEN at END
FROM (SELECT n, '2020-01-01Z'::timestamptz + n * interval '1 ms' AS at
    FROM generate_series(1, $4::int) AS n) AS made
"""
MANY = 10_050


@pytest.fixture
async def old(ada: Person, database: asyncpg.Connection) -> Json:
    """A project with very many done todos that have the word."""
    project = await ada.make_project("Old")
    await _put(database, ada, project, "pay bill", MANY, done=True)
    return project


async def _put(
    database: asyncpg.Connection,
    person: Person,
    project: Json,
    title: str,
    count: int,
    *,
    done: bool = False,
) -> None:
    await database.execute(_PUT, UUID(project["id"]), person.id, title, count, done)
    await person.invalidate()


async def _page(person: Person, **params: Any) -> Json:
    answer = await person.get("/v1/todos", params={"q": "pay", "include_total": "true"} | params)
    assert answer.status_code == 200, answer.text
    page: Json = answer.json()
    return page


async def _titles(person: Person, **params: Any) -> list[str]:
    return [todo["title"] for todo in await person.walk("/v1/todos", q="pay", limit=200, **params)]


async def test_a_filter_goes_before_every_limit(ada: Person, old: Json) -> None:
    rent = await ada.make_todo("pay rent", project_id=old["id"], priority="high")
    parent = await ada.make_todo("salaries", project_id=old["id"])
    await ada.make_todo("pay salary", parent_id=parent["id"], due={"date": "2026-12-01"})

    for params, titles in (
        ({"completed": "false"}, {"pay rent", "pay salary"}),
        ({"priority": "high"}, {"pay rent"}),
        ({"parent_id": parent["id"]}, {"pay salary"}),
        ({"has_due": "true", "sort": "due"}, {"pay salary"}),
        ({"updated_since": rent["created_at"], "completed": "false"}, {"pay rent", "pay salary"}),
    ):
        for place in ({}, {"project_id": old["id"]}):
            page = await _page(ada, **params, **place)
            assert {todo["title"] for todo in page["items"]} == titles, params
            assert page["total"] == len(titles)


async def test_of_too_many_the_newest_are_considered(ada: Person, old: Json) -> None:
    await ada.make_todo("pay rent", project_id=old["id"])
    for sort in ("-created_at", "relevance", "-title", "-completed_at"):
        titles = await _titles(ada, sort=sort)
        assert len(titles) == 1_000
        assert titles.count("pay rent") == 1, sort
    done = await _page(ada, completed="true", sort="created_at", limit=1)
    assert done["total"] == 1_000
    # The first of the last thousand.
    assert done["items"][0]["created_at"] == f"2020-01-01T00:00:0{(MANY - 999) / 1000:.3f}Z"


async def test_no_project_is_starved(ada: Person, old: Json, database: asyncpg.Connection) -> None:
    newer, newest = await ada.make_project("Newer"), await ada.make_project("Newest")
    await _put(database, ada, newer, "pay salary", MANY // 2)
    await ada.make_todo("pay rent", project_id=newest["id"])

    for sort in ("relevance", "created_at"):
        titles = await _titles(ada, sort=sort)
        assert len(titles) == 1_000
        assert titles.count("pay rent") == 1
        assert 490 <= titles.count("pay salary") <= 510
    assert len(await _titles(ada, completed="false")) == 1_000
    assert len(await _titles(ada, project_id=[newer["id"], newest["id"]])) == 1_000


async def test_one_large_project_among_small_ones_gives_a_thousand(ada: Person, old: Json) -> None:
    for number in range(20):
        await ada.make_project(f"Small {number}")
    assert len(await _titles(ada)) == 1_000


async def test_what_was_deleted_is_not_among_them(ada: Person, old: Json) -> None:
    todo = await ada.make_todo("pay rent", project_id=old["id"])
    assert "pay rent" in await _titles(ada)
    assert (await ada.client.delete(f"/v1/todos/{todo['id']}")).status_code == 204
    for sort in ("-created_at", "relevance", "-updated_at"):
        for place in ({}, {"project_id": old["id"]}):
            titles = await _titles(ada, sort=sort, **place)
            assert len(titles) == 1_000
            assert "pay rent" not in titles, sort
