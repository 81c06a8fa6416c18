"""`include_total=true`, and the sorts by what is written: of todos, and of projects too."""

from typing import Any

import asyncpg
import pytest

from tests.features.todos.rows import Row, make_shelf
from tests.people import Json, Person

_LONG = "\ufdfa" * 499


async def _page(person: Person, url: str = "/v1/todos", **params: Any) -> Json:
    response = await person.get(url, params=params)
    assert response.status_code == 200, response.text
    page: Json = response.json()
    return page


class TestTotal:
    async def test_is_there_only_if_asked_for(self, ada: Person) -> None:
        for url in ("/v1/todos", "/v1/projects"):
            assert "total" not in await _page(ada, url)
            assert "total" not in await _page(ada, url, include_total="false")
            assert "total" in await _page(ada, url, include_total="true")

    async def test_counts_what_matches_on_all_pages(
        self, ada: Person, bob: Person, database: asyncpg.Connection
    ) -> None:
        shelf = await make_shelf(ada)
        await shelf.clear(database)
        rows = [Row(f"row {n}", project=n % 7, completed=n % 3 == 0) for n in range(30)]
        await shelf.put(database, rows)
        await bob.make_todo()
        project = shelf.projects[0]["id"]
        parents = 2 * len(shelf.projects)

        async def total(**params: Any) -> int:
            page = await _page(ada, include_total="true", **params)
            number: int = page["total"]
            return number

        assert await total() == 30 + parents
        assert await total(limit=1, sort="-due") == 30 + parents
        assert await total(completed="true") == 10
        assert await total(project_id=project) == 5 + 2
        assert await total(project_id=[project, shelf.projects[1]["id"]]) == 5 + 5 + 4
        assert await total(parent_id="none", overdue="false") == 30 + parents
        assert await total(priority="urgent") == 0
        assert await _page(ada, include_total="true", priority="urgent") == {
            "items": [],
            "next_cursor": None,
            "total": 0,
        }

    async def test_is_the_same_on_each_page_and_no_part_of_the_cursor(self, ada: Person) -> None:
        for title in "abc":
            await ada.make_todo(title)
        await ada.make_project()
        for url, number in (("/v1/todos", 3), ("/v1/projects", 2)):
            with_total = await _page(ada, url, limit=1, include_total="true")
            cursor = with_total["next_cursor"]
            assert with_total["total"] == number
            assert (await _page(ada, url, limit=1))["next_cursor"] == cursor
            for flag in ("true", "false"):
                page = await _page(ada, url, cursor=cursor, include_total=flag)
                assert len(page["items"]) == number - 1
                assert page.get("total") == (number if flag == "true" else None)

    async def test_of_projects_counts_what_matches(self, ada: Person) -> None:
        root = await ada.make_project()
        await ada.make_project(parent_id=root["id"])
        for params, number in (({}, 3), ({"parent_id": "none"}, 2), ({"archived": "true"}, 0)):
            page = await _page(ada, "/v1/projects", include_total="true", limit=1, **params)
            assert page["total"] == number
            assert len(page["items"]) == min(number, 1)

    async def test_stands_also_after_the_last_item(
        self, ada: Person, database: asyncpg.Connection
    ) -> None:
        todos = [await ada.make_todo(title) for title in "ab"]
        cursor = (await _page(ada, limit=1))["next_cursor"]
        await ada.client.delete(f"/v1/todos/{todos[0]['id']}")

        page = await _page(ada, cursor=cursor, include_total="true")

        assert page == {"items": [], "next_cursor": None, "total": 1}


class TestTitles:
    async def test_are_ordered_without_regard_to_case_and_width(self, ada: Person) -> None:
        titles = ["b", "A", "\uff42b", "Ba", "\u00e9", "\u00df", "sr", "st"]
        for title in titles:
            await ada.make_todo(title)

        for sort in ("title", "-title"):
            items = await ada.walk("/v1/todos", sort=sort, limit=3)
            expected = ["A", "b", "Ba", "\uff42b", "sr", "\u00df", "st", "\u00e9"]
            assert [todo["title"] for todo in items] == expected[:: -1 if sort == "-title" else 1]

    @pytest.mark.parametrize("character", ["\ufdfa", "\U0001f600", "\U0010ffff", "x"])
    async def test_of_any_length_are_kept_and_ordered(self, ada: Person, character: str) -> None:
        """Alike in the first 200, they go by their ids. U+FDFA is 18 characters once folded."""
        long = character * 499
        todos = [await ada.make_todo(long + last) for last in "cab"]
        todos.append(await ada.make_todo(character))
        changed = await ada.client.patch(
            f"/v1/todos/{todos[0]['id']}", json={"title": long + "d", "completed": True}
        )
        assert changed.status_code == 200

        expected = [todos[3]["id"], *sorted(todo["id"] for todo in todos[:3])]
        for sort, order in (("title", expected), ("-title", expected[::-1])):
            items = await ada.walk("/v1/todos", sort=sort, limit=1)
            assert [todo["id"] for todo in items] == order
            assert {todo["title"][499:] for todo in items} == {"", "a", "b", "d"}
