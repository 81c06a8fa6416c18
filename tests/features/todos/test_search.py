"""`GET /v1/todos?q=`: what is found, in which order, and by whom."""

from typing import Any
from uuid import UUID

import asyncpg
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import new_id
from app.features.todos.words import as_column, words
from tests.features.todos.changes import Log
from tests.features.todos.rows import SORTS, Row, Shelf, make_shelf
from tests.people import Json, Person, share

# Few characters, so that much is found: of every kind that is split in its own way.
_TEXTS = st.text("aAbßSs行くど ไ🎂❤️\u200d-.'\"\\:*&|!<(ée\u0301İiｶ3", max_size=12)
_QUERIES = _TEXTS.filter(words)


def _can_be_seen(text: str) -> bool:
    return bool(set(text) - set(" \u200d\ufe0f\u0301"))


async def _titles(person: Person, q: str, **params: Any) -> list[str]:
    return [todo["title"] for todo in await person.walk("/v1/todos", q=q, **params)]


def _is_found(q: str, title: str, description: str | None) -> bool:
    """The contract: every word, as a prefix, in title or description."""
    there = [*words(title), *words(description or "")]
    return all(any(word.startswith(sought) for word in there) for sought in words(q))


def _rank(q: str, title: str) -> int:
    there = words(title)
    sought = words(q)
    wanted = [word for word in sought if not any(o != word and o.startswith(word) for o in sought)]
    return sum(
        2 if word in there else 1 if any(other.startswith(word) for other in there) else 0
        for word in wanted
    )


@given(
    texts=st.lists(st.tuples(_TEXTS.filter(_can_be_seen), st.none() | _TEXTS), max_size=6),
    q=_QUERIES,
    limit=st.integers(1, 7),
)
async def test_finds_every_todo_that_has_every_word_the_best_and_newest_first(
    ada: Person,
    database: asyncpg.Connection,
    texts: list[tuple[str, str | None]],
    q: str,
    limit: int,
) -> None:
    await database.execute("DELETE FROM todos WHERE created_by = $1", ada.id)
    todos = [await ada.make_todo(title, description=text) for title, text in texts]

    found = [todo["id"] for todo in await ada.walk("/v1/todos", q=q, limit=limit)]

    matches = [todo for todo in todos if _is_found(q, todo["title"], todo["description"])]
    matches.sort(
        key=lambda todo: (_rank(q, todo["title"]), todo["created_at"], todo["id"]), reverse=True
    )
    assert found == [todo["id"] for todo in matches]


async def test_a_patch_is_found_by_what_it_left_and_what_it_changed(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo("Book the train", description="Window seat")
    log = Log(database, ada)
    await log.new()

    async def patch(**fields: Any) -> None:
        assert (await ada.client.patch(f"/v1/todos/{todo['id']}", json=fields)).is_success

    await patch(title="Book the ship")
    assert [await _titles(ada, q) for q in ("train", "ship window")] == [[], ["Book the ship"]]
    await patch(description="Upper deck")
    assert [await _titles(ada, q) for q in ("window", "ship deck")] == [[], ["Book the ship"]]
    await patch(description=None)
    assert [await _titles(ada, q) for q in ("deck", "ship")] == [[], ["Book the ship"]]
    await patch(completed=True, priority="high")
    assert await _titles(ada, "boo shi") == ["Book the ship"]
    assert [set(change["changed"]) for change in await log.new()] == [
        {"title"},
        {"description"},
        {"description"},
        {"completed", "completed_at", "priority"},
    ]
    await ada.client.delete(f"/v1/todos/{todo['id']}")
    assert await _titles(ada, "ship") == []


async def test_words_go_with_a_todo_to_another_project(
    ada: Person, database: asyncpg.Connection
) -> None:
    one, two = await ada.make_project("One"), await ada.make_project("Two")
    await ada.make_todo("wander", project_id=one["id"])
    await database.execute(
        "UPDATE todos SET project_id = $2 WHERE project_id = $1", UUID(one["id"]), UUID(two["id"])
    )

    assert await _titles(ada, "wand", project_id=two["id"]) == ["wander"]
    assert await _titles(ada, "wand", project_id=one["id"]) == []


async def test_only_what_one_may_see_is_found(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    shared, shelved = await ada.make_project(), await ada.make_project()
    await share(database, shared, bob, "viewer")
    for title, project in (("open secret", shared), ("old secret", shelved)):
        await ada.make_todo(title, project_id=project["id"])
    await ada.make_todo("secret")
    assert set(await _titles(ada, "secret")) == {"secret", "open secret", "old secret"}
    await ada.client.patch(f"/v1/projects/{shelved['id']}", json={"archived": True})

    assert await _titles(ada, "secret") == ["secret", "open secret"]
    assert await _titles(ada, "secret", project_id=shelved["id"]) == ["old secret"]
    assert await _titles(bob, "secret") == ["open secret"]
    assert await _titles(bob, "secret", project_id=shelved["id"]) == []
    await ada.client.delete(f"/v1/projects/{shared['id']}")
    assert await _titles(bob, "secret") == []


async def _shelf(person: Person, database: asyncpg.Connection, count: int) -> Shelf:
    """Many rows, that have the word `row`, and every second one the word `even` too."""
    shelf = await make_shelf(person)
    await shelf.clear(database)
    await shelf.put(
        database, [Row(f"{n:05d}", project=n % 2, priority="low") for n in range(count)]
    )
    projects = [UUID(project["id"]) for project in shelf.projects]
    await database.execute(
        "UPDATE todos SET title_words = 'row', description_words = "
        "CASE WHEN position < '1' AND right(position, 1) IN ('0', '4') THEN 'even' END "
        "WHERE project_id = ANY($1)",
        projects,
    )
    return shelf


async def test_a_search_considers_a_thousand_matches(
    ada: Person, database: asyncpg.Connection
) -> None:
    shelf = await _shelf(ada, database, 1_200)
    walked = [todo["id"] for todo in await ada.walk("/v1/todos", q="ro", limit=190)]

    assert len(walked) == len(set(walked)) == 1_000
    assert walked == [todo["id"] for todo in await ada.walk("/v1/todos", q="ro", limit=200)]
    for params in ({"sort": "created_at"}, {"sort": "-due"}):
        others = await ada.walk("/v1/todos", q="ro", limit=200, **params)
        assert {todo["id"] for todo in others} == set(walked)
    # What a filter leaves out is not among them.
    few = await ada.walk("/v1/todos", q="ro even", limit=200)
    assert len(few) == 240 + len(shelf.projects)
    for project in shelf.projects[:2]:
        mine = await ada.walk("/v1/todos", q="ro", project_id=project["id"], limit=200)
        assert len(mine) == 602


async def test_the_default_sort_binds_the_cursor_as_if_it_were_named(ada: Person) -> None:
    for title in ("milk and bread", "milk", "milkshake"):
        await ada.make_todo(title)
    first = (await ada.get("/v1/todos?q=milk&limit=1")).json()
    cursor = first["next_cursor"]

    assert [todo["title"] for todo in first["items"]] == ["milk"]
    for query, status in (
        ("q=milk", 200),
        ("q=milk&sort=relevance", 200),
        ("q=milk&sort=-created_at", 422),
        ("q=mil", 422),
        ("sort=-created_at", 422),
    ):
        response = await ada.get(f"/v1/todos?{query}&cursor={cursor}")
        assert response.status_code == status, query
    assert await _titles(ada, "milk", limit=1) == ["milk", "milk and bread", "milkshake"]


async def _made(ada: Person) -> tuple[Json, Json]:
    one, two = await ada.make_project("One"), await ada.make_project("Two")
    parent = await ada.make_todo("a water", project_id=one["id"], priority="low")
    await ada.make_todo(
        "b water", parent_id=parent["id"], completed=True, due={"date": "2026-12-01"}
    )
    await ada.make_todo(
        "c water", project_id=two["id"], priority="high", due={"date": "2026-11-30"}
    )
    await ada.make_todo("d wine", project_id=two["id"], priority="high")
    return one, parent


async def test_every_filter_narrows_a_search(ada: Person) -> None:
    one, parent = await _made(ada)

    async def found(**params: Any) -> str:
        return "".join(title[0] for title in await _titles(ada, "wat", **params))

    assert await found() == "cba"
    assert await found(project_id=one["id"]) == "ba"
    assert await found(project_id=str(new_id())) == ""
    assert await found(parent_id="none") == "ca"
    assert await found(parent_id=parent["id"]) == "b"
    assert await found(completed="true") == "b"
    assert await found(completed="false") == "ca"
    assert await found(priority=["low", "high"]) == "ca"
    assert await found(priority="high", completed="true") == ""
    assert await found(has_due="true") == "cb"
    assert await found(has_due="false") == "a"
    assert await found(due_after="2026-12-01") == "b"
    assert await found(due_before="2026-11-30T12:00:00Z") == "c"
    assert await found(updated_since="2020-01-01T00:00:00Z") == "cba"
    assert await found(updated_since="2999-01-01T00:00:00Z") == ""
    assert await found(overdue="true", due_after="2999-01-01") == ""


async def test_the_total_is_of_all_matches(ada: Person) -> None:
    await _made(ada)
    for query, total in (("q=wat", 3), ("q=wat&completed=false&sort=due", 2), ("q=beer", 0)):
        page = (await ada.get(f"/v1/todos?{query}&limit=1&include_total=true")).json()
        assert (page["total"], len(page["items"])) == (total, min(total, 1))


async def test_every_sort_orders_a_search_page_by_page(ada: Person) -> None:
    one, _ = await _made(ada)
    expected = {
        "created_at": "abc", "-created_at": "cba", "due": "cba", "-due": "bca",
        "updated_at": "abc", "-updated_at": "cba", "completed_at": "bac", "-completed_at": "bca",
        "priority": "bac", "-priority": "cab", "title": "abc", "-title": "cba",
        "position": "ab", "-position": "ba", "relevance": "cba",
    }  # fmt: skip
    assert {*SORTS, "relevance"} == set(expected)
    for sort, order in expected.items():
        params = {"project_id": one["id"]} if "position" in sort else {}
        for limit in (1, 2, 50):
            titles = await _titles(ada, "WATER", sort=sort, limit=limit, **params)
            assert "".join(title[0] for title in titles) == order, sort


async def test_a_columns_words_are_those_of_the_text() -> None:
    assert await as_column("Book the book") == "book the"
