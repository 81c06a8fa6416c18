"""`ETag`, `If-Match` and `If-None-Match`: nobody overwrites what they have not seen."""

import asyncio
from collections import Counter
from itertools import product

import pytest
from httpx import Response

from app.core.clock import new_id
from tests.people import Json, Person


def _url(todo: Json) -> str:
    return f"/v1/todos/{todo['id']}"


async def _patch(person: Person, todo: Json, if_match: str, **fields: object) -> Response:
    return await person.client.patch(
        _url(todo), json=fields or {"title": "Changed"}, headers={"If-Match": if_match}
    )


async def _delete(person: Person, todo: Json, if_match: str) -> Response:
    return await person.client.delete(_url(todo), headers={"If-Match": if_match})


async def _make_todo(person: Person) -> Json:
    todo = await person.make_todo()
    await person.client.patch(_url(todo), json={"priority": "low"})
    changed: Json = (await person.client.patch(_url(todo), json={"priority": "high"})).json()
    assert changed["version"] == 3
    return changed


@pytest.fixture
async def todo(ada: Person) -> Json:
    """A todo of Ada's, at version 3."""
    return await _make_todo(ada)


async def test_each_write_answers_with_the_etag_of_what_it_made(ada: Person) -> None:
    created = await ada.client.post("/v1/todos", json={"title": "New"})
    url = created.headers["location"]
    patched = await ada.client.patch(url, json={"title": "Newer"})
    same = await ada.client.patch(url, json={"title": "Newer"})
    read = await ada.get(url)

    assert [response.headers["etag"] for response in (created, patched, same, read)] == [
        '"1"', '"2"', '"2"', '"2"',
    ]  # fmt: skip
    assert patched.json() == same.json() == read.json()
    assert patched.json()["version"] == 2


_MATCHING = ['"3"', '"1", "3"', ' "3" , "x"', "*", 'W/"1", "3"']


async def test_a_write_whose_tag_matches_is_done(ada: Person) -> None:
    for tag in _MATCHING:
        todo = await _make_todo(ada)
        assert (await _patch(ada, todo, tag)).status_code == 200, tag
        assert (await _delete(ada, todo, tag.replace('"3"', '"4"'))).status_code == 204, tag


_NOT_MATCHING = [
    '"1"', '"2"', '"4"', '"2", "4"', 'W/"3"', "3", "'3'", '"3', '3"', '"03"', '"+3"', '" 3"',
    '"3.0"', '"٣"', '"0x3"', "", '""', ",", '"-3"', '"99999999999999999999"', '"4294967299"',
]  # fmt: skip


async def test_a_write_whose_tag_does_not_match_is_412_and_not_done(
    ada: Person, todo: Json
) -> None:
    for tag, method in product(_NOT_MATCHING, ("PATCH", "DELETE")):
        response = await ada.client.request(
            method,
            _url(todo),
            json={"title": "Changed"} if method == "PATCH" else None,
            headers={b"If-Match": tag.encode()},
        )
        assert response.status_code == 412, tag
        assert response.headers["etag"] == '"3"'
        assert response.json()["code"] == "version_conflict"
        assert response.json()["params"] == {"version": 3}
    assert (await ada.get(_url(todo))).json() == todo


async def test_tags_may_come_in_more_than_one_header(ada: Person, todo: Json) -> None:
    async def send(method: str, name: str, second: str) -> int:
        headers = [(name, '"1"'), (name, second)]
        body = {"title": "Changed"} if method == "PATCH" else None
        return (
            await ada.client.request(method, _url(todo), json=body, headers=headers)
        ).status_code

    assert await send("PATCH", "If-Match", '"2"') == 412
    assert await send("PATCH", "If-Match", '"3"') == 200
    assert await send("GET", "If-None-Match", '"3"') == 200
    assert await send("GET", "If-None-Match", '"4"') == 304


async def test_a_precondition_holds_for_a_patch_that_would_change_nothing(
    ada: Person, todo: Json
) -> None:
    for fields in ({}, {"priority": "high"}):
        response = await ada.client.patch(_url(todo), json=fields, headers={"If-Match": '"2"'})
        assert response.status_code == 412


async def test_what_is_not_there_is_404_whatever_the_tag(ada: Person, bob: Person) -> None:
    missing, foreign = {"id": str(new_id())}, await bob.make_todo()
    for todo in (missing, foreign):
        for tag in ("*", '"1"', '"2"'):
            assert (await _patch(ada, todo, tag)).status_code == 404
            assert (await _delete(ada, todo, tag)).status_code == 404


async def test_of_twenty_patches_with_one_etag_exactly_one_is_done(ada: Person, todo: Json) -> None:
    responses = await asyncio.gather(
        *(_patch(ada, todo, '"3"', title=f"Number {number}") for number in range(20))
    )

    assert Counter(response.status_code for response in responses) == {200: 1, 412: 19}
    [done] = [response for response in responses if response.status_code == 200]
    assert (await ada.get(_url(todo))).json() == done.json()
    lost = [response for response in responses if response.status_code == 412]
    assert {response.headers["etag"] for response in lost} == {'"4"'}


async def test_of_patches_and_deletes_with_one_etag_exactly_one_is_done(
    ada: Person, todo: Json
) -> None:
    responses = await asyncio.gather(
        *(write(ada, todo, '"3"') for _ in range(5) for write in (_patch, _delete))
    )

    done = [response for response in responses if response.status_code in (200, 204)]
    assert len(done) == 1
    assert {response.status_code for response in responses} <= {200, 204, 404, 412}


async def test_a_parent_that_counts_another_subtask_has_another_etag(
    ada: Person, todo: Json
) -> None:
    await ada.make_todo(parent_id=todo["id"])

    assert (await _delete(ada, todo, '"3"')).status_code == 412
    assert (await _delete(ada, todo, '"4"')).status_code == 204


async def test_a_read_of_what_the_client_has_is_304(ada: Person, todo: Json) -> None:
    for tag in ('"3"', 'W/"3"', '"1", "3"', '"x",W/"3"', "*"):
        response = await ada.get(_url(todo), headers={"If-None-Match": tag})
        assert (response.status_code, response.content) == (304, b""), tag
        assert response.headers["etag"] == '"3"'
        assert response.headers["cache-control"] == "private, no-cache"
        assert response.headers["vary"] == "Authorization"
        assert "content-type" not in response.headers


async def test_a_read_of_what_has_changed_is_whole(ada: Person, todo: Json) -> None:
    for tag in ('"2"', "3", '"33"', '""', ""):
        response = await ada.get(_url(todo), headers={"If-None-Match": tag})
        assert (response.status_code, response.json()) == (200, todo), tag
        assert response.headers["etag"] == '"3"'


async def test_a_304_tells_nobody_of_what_they_may_not_see(bob: Person, todo: Json) -> None:
    response = await bob.get(_url(todo), headers={"If-None-Match": '"3"'})

    assert response.status_code == 404


async def test_a_list_has_an_etag_that_changes_with_what_is_on_the_page(
    ada: Person, todo: Json
) -> None:
    async def etag(query: str = "") -> str:
        return (await ada.get(f"/v1/todos{query}")).headers["etag"]

    first = await etag()
    assert await etag() == first
    await ada.client.patch(_url(todo), json={"title": "Changed"})
    second = await etag()
    await ada.make_todo()
    third = await etag()
    await ada.client.delete(_url(todo))
    fourth = await etag()

    assert len({first, second, third, fourth}) == 4
    assert await etag("?completed=true") != fourth


async def test_a_list_that_the_client_has_is_304(ada: Person, todo: Json) -> None:
    await ada.make_todo()
    for query in ({}, {"limit": 1}):
        page = await ada.get("/v1/todos", params=query)
        tag = page.headers["etag"]
        for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await ada.get("/v1/todos", params=query, headers={"If-None-Match": sent})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert again.headers.get("link") == page.headers.get("link")
        other = await ada.get("/v1/todos", params=query, headers={"If-None-Match": '"other"'})
        assert other.json() == page.json()


async def test_answers_are_private_and_asked_for_again(ada: Person, todo: Json) -> None:
    for response in (await ada.get(_url(todo)), await ada.get("/v1/todos")):
        assert response.headers["cache-control"] == "private, no-cache"
        assert response.headers["vary"] == "Authorization"
