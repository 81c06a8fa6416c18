"""The list of the trash: the newest first, page by page, of what its reader may restore."""

from uuid import UUID

import asyncpg
import pytest

from tests.features.trash.trashing import trash, trashed
from tests.people import Json, Person, until_cached


@pytest.fixture
async def gone(ada: Person) -> list[Json]:
    """Todos of several projects and projects, in the order in which they were deleted."""
    rows: list[Json] = []
    for _ in range(3):
        garden = await ada.make_project()
        rows += [
            await ada.make_todo("In a garden", project_id=garden["id"]),
            await ada.make_todo("At hand"),
            garden,
        ]
    for row in rows:
        await trash(ada, row)
    return rows


@pytest.mark.parametrize("limit", [1, 2, 4, 200])
async def test_page_by_page(ada: Person, gone: list[Json], limit: int) -> None:
    items = await ada.walk("/v1/trash", limit=limit)
    assert sorted(item["id"] for item in items) == sorted(row["id"] for row in gone)
    times = [(item["deleted_at"], item["id"]) for item in items]
    assert times == sorted(times, reverse=True)


async def test_an_item_says_what_it_was(ada: Person, gone: list[Json]) -> None:
    items = {item["id"]: item for item in await ada.walk("/v1/trash")}
    for row in gone:
        is_project = "is_inbox" in row
        item = items[row["id"]]
        assert item == {
            "type": "project" if is_project else "todo",
            "id": row["id"],
            "project_id": row["id"] if is_project else row["project_id"],
            "title": row["name"] if is_project else row["title"],
            "deleted_at": item["deleted_at"],
            "purge_at": item["purge_at"],
        }


@pytest.mark.parametrize("limit", [4, 200])
async def test_the_total_is_of_all_pages(ada: Person, gone: list[Json], limit: int) -> None:
    page = (await ada.get(f"/v1/trash?include_total=true&limit={limit}")).json()
    assert page["total"] == len(gone)


async def test_an_empty_one(ada: Person) -> None:
    empty = (await ada.get("/v1/trash?include_total=true")).json()
    assert empty == {"items": [], "next_cursor": None, "total": 0}


async def test_of_the_same_instant(
    ada: Person, gone: list[Json], database: asyncpg.Connection
) -> None:
    """Ties break by id, over todos and projects."""
    for table in ("todos", "projects"):
        await database.execute(
            f"UPDATE {table} SET deleted_at = '2026-11-30T00:00Z' WHERE id = ANY($1)",
            [UUID(row["id"]) for row in gone],
        )
    await ada.invalidate()
    items = [item["id"] for item in await ada.walk("/v1/trash", limit=2)]
    assert items == sorted((row["id"] for row in gone), reverse=True)


async def test_a_cursor_is_of_this_list_and_user(
    ada: Person, bob: Person, gone: list[Json]
) -> None:
    cursor = (await ada.get("/v1/trash?limit=1")).json()["next_cursor"]
    assert len(gone) > 1
    for person, url in ((ada, "/v1/projects"), (bob, "/v1/trash"), (ada, "/v1/trash")):
        sent = cursor if (person, url) != (ada, "/v1/trash") else cursor[:-2] + "AA"
        answer = await person.get(url, params={"cursor": sent})
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


@pytest.mark.parametrize("query", ["sort=title", "limit=0", "type=todo"])
async def test_what_it_does_not_know_is_refused(ada: Person, query: str) -> None:
    answer = await ada.get(f"/v1/trash?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


async def test_what_was_read_is_gone_with_the_answer(ada: Person) -> None:
    todo = await ada.make_todo()
    for write in ("delete", "restore", "delete", "purge"):
        await until_cached(ada, "/v1/trash")
        before = await trashed(ada)
        match write:
            case "delete":
                await trash(ada, todo)
            case "restore":
                await ada.client.post(f"/v1/todos/{todo['id']}/restore")
            case "purge":
                await ada.client.delete(f"/v1/trash/{todo['id']}")
        assert await trashed(ada) != before
