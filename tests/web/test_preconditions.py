"""Preconditions of every operation: held, or refused, and never dropped (RFC 9110, section 13)."""

import asyncio
import json

import pytest

from tests.people import PASSWORD, Person
from tests.web.answers import document_faults, faults
from tests.web.callers import Caller, Header
from tests.web.operations import OPERATIONS, Operation

# Whose row is locked and compared by the very statement that writes it.
ROWS = {
    "update_todo", "delete_todo", "update_project", "delete_project", "update_label",
    "delete_label", "update_comment", "delete_comment",
    "update_current_user", "delete_current_user",
    "create_completion", "delete_completion",
    "move_todo", "move_project", "restore_todo", "restore_project",
    "update_member", "delete_member", "transfer_project",
}  # fmt: skip
MATCH, NONE_MATCH = b"If-Match", b"If-None-Match"
NO_TAGS = [b"", b",", b"1", b'"1', b"'1'", b'w/"1"', b'"1""1"', b'"1" "1"', b'"a,"1",b"', b'*, "1"']

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)


def _is_read(operation: Operation) -> bool:
    return operation.method == "GET"


each_read = pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS if _is_read(operation)], ids=str
)


async def _status(caller: Caller, operation: Operation, *headers: Header) -> int:
    response = await caller.send(operation, headers=headers)
    assert not list(faults(response)), headers
    if response.status_code == 412:
        assert response.json()["code"] == "version_conflict"
        has_etag = _is_read(operation) or operation.id in ROWS
        assert ("etag" in response.headers) == has_etag
    else:
        assert not list(document_faults(response, operation)), headers
    return response.status_code


@each_operation
async def test_if_match_of_another_is_412(caller: Caller, operation: Operation) -> None:
    for tags in (b'"999"', b'W/"1"', b'"x", "y"', *NO_TAGS):
        assert await _status(caller, operation, (MATCH, tags)) == 412, tags


@each_operation
async def test_if_match_of_anything_is_held_where_there_is_something(
    caller: Caller, operation: Operation
) -> None:
    status = await _status(caller, operation, (MATCH, b"*"))
    if _is_read(operation):
        assert status == 200
    elif operation.id in ROWS:
        assert status < 300
    else:
        assert status == 412


@each_operation
async def test_if_none_match_of_anything_is_never_held(
    caller: Caller, operation: Operation
) -> None:
    for headers in ([(NONE_MATCH, b"*")], [(MATCH, b"*"), (NONE_MATCH, b" * ")]):
        status = await _status(caller, operation, *headers)
        assert status == (304 if _is_read(operation) else 412)


@each_operation
async def test_if_none_match_of_another_is_held_where_there_is_something(
    caller: Caller, operation: Operation
) -> None:
    for tags in (b'"999"', b'"x", W/"y"', *NO_TAGS):
        status = await _status(caller, operation, (NONE_MATCH, tags))
        if _is_read(operation):
            assert status == 200, tags
        elif operation.id in ROWS and tags not in NO_TAGS:
            assert status < 300, tags
        else:
            assert status == 412, tags


@each_read
async def test_read_of_what_is_known_is_304_and_never_what_is_not_wanted(
    caller: Caller, operation: Operation
) -> None:
    async def ask(*headers: Header, method: str = "GET") -> tuple[int, str]:
        response = await caller.send(operation, method=method, headers=headers)
        return response.status_code, response.headers["etag"]

    for method in ("GET", "HEAD"):
        _, etag = await ask(method=method)
        tag = etag.encode()
        # What is a page is known to the cache by now.
        for _ in range(2):
            assert await ask((NONE_MATCH, b"W/" + tag), method=method) == (304, etag)
            assert await ask((MATCH, tag), (NONE_MATCH, tag), method=method) == (304, etag)
            assert await ask((MATCH, b'"x", ' + tag), method=method) == (200, etag)
            # The stronger one first (section 13.2.2).
            assert await ask((MATCH, b'"x"'), (NONE_MATCH, tag), method=method) == (412, etag)
            assert await ask((MATCH, b"W/" + tag), method=method) == (412, etag)


async def test_refused_preconditions_change_nothing(ada: Person) -> None:
    todo = await ada.make_todo()
    url = f"/v1/todos/{todo['id']}"
    session = await ada.make_session()
    refused = [("If-None-Match", value) for value in ("*", "2", '"2""2"', '"2",*', '*, "9"', "")]
    refused += [("If-None-Match", 'W/"1"'), ("If-Match", '"999"')]
    for header in refused:
        for method, path, body in (
            ("PATCH", url, {"title": "Changed"}),
            ("DELETE", url, None),
            ("POST", "/v1/todos", {"title": "Second"}),
            ("PATCH", "/v1/users/me", {"display_name": "Changed"}),
            ("DELETE", "/v1/users/me", {"password": PASSWORD}),
            ("POST", "/v1/users/me/password", {"current": PASSWORD, "new": f"{PASSWORD} two"}),
            ("DELETE", f"/v1/sessions/{session['id']}", None),
            ("DELETE", "/v1/sessions", None),
        ):
            response = await ada.client.request(method, path, json=body, headers=[header])
            assert (response.status_code, method, path) == (412, method, path)
    assert (await ada.get("/v1/todos")).json()["items"] == [todo]
    assert (await ada.get("/v1/users/me")).json() == ada.user
    assert len((await ada.get("/v1/sessions")).json()["items"]) == 2
    form = {"grant_type": "refresh_token", "refresh_token": ada.tokens["refresh_token"]}
    for path in ("/v1/oauth/token", "/v1/oauth/revoke", "/v1/oauth/introspect"):
        sent = form if path.endswith("token") else {"token": form["refresh_token"]}
        response = await ada.client.post(path, data=sent, headers={"If-Match": '"1"'})
        assert response.status_code == 412
    assert (await ada.client.post("/v1/oauth/token", data=form)).status_code == 200


async def test_of_twenty_writes_of_one_version_that_must_not_be_one_is_done(ada: Person) -> None:
    url = f"/v1/todos/{(await ada.make_todo())['id']}"
    header = {"If-None-Match": '"2"'}
    responses = await asyncio.gather(
        *(
            ada.client.patch(url, json={"title": f"Number {number}"}, headers=header)
            for number in range(20)
        )
    )

    # The others wait for its lock, and then see the version that it made.
    assert sorted(response.status_code for response in responses) == [200] + [412] * 19


async def test_account_ends_where_it_is_as_expected(ada: Person) -> None:
    async def delete(password: str, tag: str) -> tuple[int, dict[str, object]]:
        response = await ada.client.request(
            "DELETE", "/v1/users/me", json={"password": password}, headers={"If-Match": tag}
        )
        return response.status_code, json.loads(response.content or "{}")

    assert (await ada.client.patch("/v1/users/me", json={"display_name": "A"})).is_success
    assert (await delete("wrong", '"2"'))[0] == 422
    status, problem = await delete(PASSWORD, '"1"')
    assert (status, problem["params"]) == (412, {"version": 2})
    assert await delete(PASSWORD, '"2"') == (204, {})


async def test_write_that_was_done_is_replayed_whatever_has_become_of_its_tag(ada: Person) -> None:
    todo = await ada.make_todo()

    async def patch(tag: str, **none_match: str) -> tuple[int, str | None]:
        response = await ada.client.patch(
            f"/v1/todos/{todo['id']}",
            json={"title": "Changed"},
            headers={"Idempotency-Key": "one", "If-Match": tag, **none_match},
        )
        return response.status_code, response.headers.get("idempotency-replayed")

    assert await patch('"1"') == (200, None)
    assert await patch('"1"') == (200, "true")
    # Another request.
    assert await patch('"2"') == (422, None)
    assert await patch('"1"', **{"If-None-Match": '"2"'}) == (422, None)
