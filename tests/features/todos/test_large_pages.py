"""A page ends early at 4 MiB, and the list goes on at the next row."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI

from app.database.repository import Repository
from tests.features.todos.rows import SORTS
from tests.people import Person, sign_up

MAX_BYTES = 4 * 1024 * 1024
# Whatever `items` has around its items, and `next_cursor`.
AROUND = 2_000
# As long as one may be, in bytes; and in the bytes of its JSON, where PostgreSQL counts fewer.
LONGEST = "\U0001f682" * 49_990 + " train"
QUOTED = '"' * 49_990 + " train"
NUMBER = 36


@pytest.fixture(scope="module")
async def eve(app: FastAPI) -> AsyncIterator[Person]:
    """With large todos, small ones between them, and some that are large by their quotes."""
    async with sign_up(app, "Eve") as person:
        for number in range(NUMBER):
            description = QUOTED if number % 9 == 0 else LONGEST if number % 3 else "A train"
            await person.make_todo(f"{number % 5}", description=description, priority="high")
        yield person


async def pages(person: Person, url: str, params: dict[str, Any]) -> list[list[str]]:
    """The ids on each page, which none is larger than it may be."""
    found = []
    cursor: str | None = None
    while True:
        sent = params if cursor is None else params | {"cursor": cursor}
        response = await person.get(url, params=sent)
        assert response.status_code == 200, response.text
        page = response.json()
        assert len(response.content) <= MAX_BYTES + AROUND
        found.append([item["id"] for item in page["items"]])
        cursor = page["next_cursor"]
        assert (cursor is not None) == ("next" in response.links)
        if "include_total" in params:
            assert page["total"] == NUMBER
        if cursor is None:
            return found
        # It ends no sooner than it must: what stood next, has no place on it.
        following = (await person.get(url, params={**params, "cursor": cursor, "limit": 1})).json()[
            "items"
        ]
        size = len(response.content) + len(json.dumps(following, ensure_ascii=False).encode())
        assert size > MAX_BYTES or len(found[-1]) == params["limit"]


@pytest.mark.parametrize(
    "params",
    [
        *({"sort": sort} for sort in SORTS),
        {"include_total": "true", "limit": 30},
        {"priority": "high", "parent_id": "none"},
        {"q": "train", "sort": "relevance"},
        {"q": "train", "include_total": "true"},
        {"q": "train", "sort": "title"},
    ],
    ids=str,
)
async def test_each_row_is_seen_once_and_no_page_is_too_large(
    eve: Person, params: dict[str, Any]
) -> None:
    if "position" in params.get("sort", ""):
        params = params | {"project_id": (await eve.inbox())["id"]}
    found = await pages(eve, "/v1/todos", {"limit": 200} | params)
    assert len(found) > 1
    counts = Counter(todo for page in found for todo in page)
    assert set(counts.values()) == {1}
    assert len(counts) == NUMBER


async def test_what_has_no_place_is_not_sent_by_the_database(
    eve: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    fetch = Repository._all

    async def noted(self: Any, *args: Any, **params: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await fetch(self, *args, **params)
        given.append(len(rows))
        return rows

    monkeypatch.setattr(Repository, "_all", noted)
    page = (await eve.get("/v1/todos", params={"limit": 200, "priority": "high"})).json()
    # By their quotes two or three more are as long as they may be in all.
    assert len(page["items"]) < max(given) <= len(page["items"]) + 4 < NUMBER
