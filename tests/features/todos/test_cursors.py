"""Cursors: opaque, signed, and bound to the user, the sort and the filters."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from httpx import Response
from hypothesis import assume, given
from hypothesis import strategies as st

from app.core.errors import CursorInvalid
from app.core.pagination import MAX_LENGTH, Cursors, Position
from app.core.signing import Signer
from tests.people import Person

_BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# What decoders of base64 overlook, and what they do not know.
_CHARACTERS = st.sampled_from(_BASE64URL + "+/=.~ \n\x00é") | st.characters(codec="utf-8")


async def _cursor(person: Person, url: str = "/v1/todos", **params: Any) -> str:
    page = await person.get(url, params={"limit": 1, **params})
    assert page.status_code == 200, page.text
    cursor: str = page.json()["next_cursor"]
    assert cursor is not None
    return cursor


async def _list(person: Person, url: str = "/v1/todos", **params: Any) -> Response:
    return await person.get(url, params=params)


def _is_refused(response: Response) -> bool:
    problem = response.json()
    return (
        response.status_code == 422
        and problem["code"] == "cursor_invalid"
        and [(error["pointer"], error["in"]) for error in problem["errors"]]
        == [("/cursor", "query")]
    )


@pytest.fixture
async def walker(ada: Person) -> Person:
    """Somebody with two todos, and so with a second page."""
    project = (await ada.inbox())["id"]
    parent = await ada.make_todo("First", project_id=project)
    for title in ("Second", "Third"):
        await ada.make_todo(title, parent_id=parent["id"], due={"date": "2026-11-30"})
    return ada


@given(place=st.integers(0, 10_000), character=_CHARACTERS, way=st.sampled_from("rid"))
async def test_a_cursor_with_one_character_changed_is_refused(
    walker: Person, place: int, character: str, way: str
) -> None:
    cursor = await _cursor(walker)
    place %= len(cursor)
    end = place if way == "i" else place + 1
    changed = cursor[:place] + ("" if way == "d" else character) + cursor[end:]
    assume(changed != cursor)

    assert _is_refused(await _list(walker, cursor=changed))


@given(text=st.text(st.sampled_from(_BASE64URL), max_size=80) | st.text(max_size=80))
async def test_any_other_text_is_refused(walker: Person, text: str) -> None:
    assert _is_refused(await _list(walker, cursor=text))


async def test_two_cursors_spliced_are_refused(walker: Person) -> None:
    one, other = await _cursor(walker, sort="created_at"), await _cursor(walker, sort="-due")

    for place in (8, 22, 24, 40):
        spliced = one[:place] + other[place:]
        assert _is_refused(await _list(walker, sort="created_at", cursor=spliced))


async def test_another_users_cursor_is_refused(walker: Person, bob: Person) -> None:
    await bob.make_todo()
    await bob.make_todo()

    cursor = await _cursor(walker)

    assert _is_refused(await _list(bob, cursor=cursor))
    assert (await _list(walker, cursor=cursor)).status_code == 200


_OTHER: list[dict[str, Any]] = [
    {"sort": "created_at"},
    {"sort": "due"},
    {"sort": "-due"},
    {"completed": "false"},
    {"completed": "true"},
    {"priority": "none"},
    {"priority": ["none", "low"]},
    {"parent_id": "none"},
    {"sort": "title"},
    {"has_due": "true"},
    {"overdue": "false"},
    {"due_after": "2026-11-30"},
    {"due_after": "2026-11-30T00:00:00Z"},
    {"due_before": "2026-11-30"},
    {"updated_since": "2026-11-30T00:00:00Z"},
]


async def test_the_cursor_of_another_sort_or_filter_is_refused(walker: Person) -> None:
    plain = await _cursor(walker)

    for other in _OTHER:
        assert _is_refused(await _list(walker, **other, cursor=plain)), other


async def test_a_filtered_lists_cursor_is_refused_by_any_other_list(walker: Person) -> None:
    project, other_project = (await walker.inbox())["id"], (await walker.make_project())["id"]
    filtered: dict[str, dict[str, Any]] = {
        "completed": {"completed": "false"},
        "priority": {"priority": "none"},
        "project": {"project_id": project},
        "projects": {"project_id": [project, other_project]},
    }
    cursors = {name: await _cursor(walker, **query) for name, query in filtered.items()}

    for name, cursor in cursors.items():
        for other, query in filtered.items():
            response = await _list(walker, **query, cursor=cursor)
            assert response.status_code == 200 if name == other else _is_refused(response)
        assert _is_refused(await _list(walker, cursor=cursor))


async def test_a_cursor_of_projects_is_refused_by_todos_and_the_other_way(walker: Person) -> None:
    await walker.make_project()
    todos, projects = await _cursor(walker), await _cursor(walker, "/v1/projects")

    assert _is_refused(await _list(walker, cursor=projects))
    assert _is_refused(await _list(walker, "/v1/projects", cursor=todos))


async def test_the_limit_may_change_on_the_way(walker: Person) -> None:
    titles = [todo["title"] for todo in (await _list(walker)).json()["items"]]

    rest = await _list(walker, limit=2, cursor=await _cursor(walker))

    assert [todo["title"] for todo in rest.json()["items"]] == titles[1:]
    assert rest.json()["next_cursor"] is None


async def test_the_default_sort_is_the_newest_first(walker: Person) -> None:
    assert (await _list(walker)).json() == (await _list(walker, sort="-created_at")).json()
    cursor = await _cursor(walker)
    assert (await _list(walker, sort="-created_at", cursor=cursor)).status_code == 200


async def test_a_link_leads_to_the_next_page(walker: Person) -> None:
    params: dict[str, Any] = {
        "limit": 1,
        "sort": "due",
        "priority": ["none", "low"],
        "completed": "false",
    }
    first = await _list(walker, **params)

    url = first.headers["link"].removeprefix("<").removesuffix('>; rel="next"')
    sent = dict(parse_qsl(urlsplit(url).query))
    assert sent["cursor"] == first.json()["next_cursor"]
    second = await walker.get(url)
    assert (
        second.json()["items"] == (await _list(walker, **params | {"limit": 2})).json()["items"][1:]
    )

    last = await _list(walker, limit=200)
    assert last.json()["next_cursor"] is None
    assert "link" not in last.headers


async def test_a_cursor_is_never_too_long_to_be_called_invalid(ada: Person) -> None:
    for _ in range(2):
        await ada.make_todo()
    cursor = await _cursor(ada, limit=1)

    assert _is_refused(await _list(ada, cursor=cursor * 30))
    assert _is_refused(await _list(ada, cursor="A" * 20_000))


def test_one_that_is_too_long_is_not_looked_at() -> None:
    cursors = Cursors(Signer("secret", "cursor"), UUID(int=1), "query")
    position = Position("x" * MAX_LENGTH, UUID(int=2))
    with pytest.raises(CursorInvalid):
        cursors.decode(cursors.encode(position))


_TITLES = st.text(min_size=1, max_size=500) | st.builds(str.__mul__, st.characters(), st.just(500))


@given(title=_TITLES, q=st.booleans())
async def test_a_cursor_has_at_most_two_kilobytes_whatever_the_title(
    ada: Person, title: str, q: bool
) -> None:
    made = [
        await ada.client.post("/v1/todos", json={"title": f"x {title}"[:500]}) for _ in range(2)
    ]
    assume(made[0].status_code == 201)

    for sort in ("title", "-title"):
        params = {"sort": sort, "q": "x"} if q else {"sort": sort}
        cursor = await _cursor(ada, **params)
        assert len(cursor) <= MAX_LENGTH
        assert (await _list(ada, **params, cursor=cursor)).status_code == 200
