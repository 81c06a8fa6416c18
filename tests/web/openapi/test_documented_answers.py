"""Real answers, held against the document: status, body, code and headers of each."""

import re
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from app.core.clock import new_id
from tests.people import PASSWORD, Person
from tests.web.answers import document_faults, faults
from tests.web.operations import OPERATIONS, Operation

NOWHERE = "01936b7e-8f00-7000-8000-000000000000"


def _operation(response: Response) -> Operation:
    """The one that answered."""
    request = response.request
    for operation in sorted(OPERATIONS, key=lambda operation: "{" in operation.path):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(operation.path))
        if operation.method == request.method and re.fullmatch(pattern, request.url.path):
            return operation
    raise AssertionError(f"{request.method} {request.url.path} is not documented")


class Inspector:
    """Checks each answer that a client gets, and remembers which there were."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()

    async def __call__(self, response: Response) -> None:
        await response.aread()
        operation = _operation(response)
        self.seen.add((operation.id, response.status_code))
        found = [*faults(response), *document_faults(response, operation)]
        assert not found, f"{operation}, {response.status_code}: {found}"


@pytest.fixture
def inspector(ada: Person) -> Inspector:
    inspector = Inspector()
    ada.client.event_hooks["response"] = [inspector]
    return inspector


@pytest.fixture
async def stranger(app: FastAPI, inspector: Inspector) -> AsyncIterator[AsyncClient]:
    """Somebody who is not signed in, and inspected too."""
    async with AsyncClient(
        transport=ASGITransport(app),
        base_url="http://tickbox",
        event_hooks={"response": [inspector]},
    ) as client:
        yield client


async def test_a_field_that_is_not_documented_is_a_fault(ada: Person) -> None:
    todo = await ada.make_todo(due={"date": "2026-11-30"})
    response = await ada.get(f"/v1/todos/{todo['id']}")
    operation = _operation(response)
    assert not list(document_faults(response, operation))
    for changed in (todo | {"colour": "red"}, todo | {"due": todo["due"] | {"time": None}}):
        other = Response(200, headers=response.headers, json=changed, request=response.request)
        assert list(document_faults(other, operation))


async def test_todos_answer_as_documented(ada: Person, inspector: Inspector) -> None:
    client = ada.client
    project = await ada.make_project()
    parent = await ada.make_todo(project_id=project["id"])
    address = f"/v1/todos/{parent['id']}"
    dues = ({"date": "2026-11-30"}, {"datetime": "2026-11-30T09:00:00", "timezone": None})
    for due in (*dues, {"datetime": "2026-11-30T09:00:00", "timezone": "Europe/Berlin"}, None):
        await ada.make_todo(parent_id=parent["id"], due=due, priority="high", description="x")
    queries = ("", "sort=-due", "limit=1&include_total=true", "sort=title&overdue=false", "q=b")
    for query in (*queries, f"project_id={project['id']}&sort=position"):
        page = await client.get(f"/v1/todos?{query}")
        again = await client.get(page.request.url, headers={"If-None-Match": page.headers["etag"]})
        assert (page.status_code, again.status_code) == (200, 304)
    for refused in ("limit=0", "cursor=x", "sort=position", "sort=relevance", "q=-", "colour=1"):
        assert (await client.get(f"/v1/todos?{refused}")).status_code == 422
    for body, status in (
        ({}, 422),
        ({"title": "x", "id": parent["id"]}, 409),
        ({"title": "x", "project_id": NOWHERE}, 404),
        ({"title": "x", "parent_id": NOWHERE}, 404),
        ({"title": "x", "parent_id": parent["id"], "project_id": (await ada.inbox())["id"]}, 422),
    ):
        assert (await client.post("/v1/todos", json=body)).status_code == status
    assert (await client.post("/v1/todos", content=b"x")).status_code == 415
    assert (await client.get(address, headers={"If-None-Match": '"1"'})).status_code == 200
    changed = await client.patch(address, json={"completed": True})
    assert changed.status_code == 200
    unchanged = await client.get(address, headers={"If-None-Match": changed.headers["etag"]})
    assert unchanged.status_code == 304
    for method in ("PATCH", "DELETE"):
        for other, headers, status in (
            (address, {"If-Match": '"99"'}, 412),
            (f"/v1/todos/{NOWHERE}", {}, 404),
            ("/v1/todos/x", {}, 422),
        ):
            json = {"completed": False} if method == "PATCH" else None
            response = await client.request(method, other, headers=headers, json=json)
            assert response.status_code == status
    assert (await client.patch(f"/v1/projects/{project['id']}", json={"archived": True})).is_success
    assert (await client.patch(address, json={"title": "x"})).status_code == 403
    assert (
        await client.patch(f"/v1/projects/{project['id']}", json={"archived": False})
    ).is_success
    assert (await client.delete(address)).status_code == 204
    assert (await client.get(address)).status_code == 404
    assert ("create_todo", 201) in inspector.seen


async def test_projects_answer_as_documented(ada: Person, inspector: Inspector) -> None:
    client = ada.client
    project = await ada.make_project(color="#2e7d32")
    address = f"/v1/projects/{project['id']}"
    await ada.make_project(parent_id=project["id"])
    queries = ("", "limit=1", "parent_id=none", "include_total=true", "archived=true")
    for query in (*queries, f"parent_id={project['id']}"):
        page = await client.get(f"/v1/projects?{query}")
        again = await client.get(page.request.url, headers={"If-None-Match": page.headers["etag"]})
        assert (page.status_code, again.status_code) == (200, 304)
    for body, status in (
        ({"name": "x", "id": project["id"]}, 409),
        ({"name": "x", "id": str(new_id())}, 201),
        ({"name": "x", "parent_id": NOWHERE}, 404),
        ({"name": ""}, 422),
    ):
        assert (await client.post("/v1/projects", json=body)).status_code == status
    inbox = f"/v1/projects/{(await ada.inbox())['id']}"
    assert (await client.patch(inbox, json={"archived": True})).status_code == 409
    assert (await client.delete(inbox)).status_code == 409
    stale = {"If-Match": '"99"'}
    assert (await client.patch(address, json={"name": "x"}, headers=stale)).status_code == 412
    assert (await client.delete(address, headers=stale)).status_code == 412
    assert (await client.patch(address, json={"archived": True})).status_code == 200
    assert (await client.patch(address, json={"name": "x"})).status_code == 403
    assert (await client.get(address)).status_code == 200
    assert (await client.delete(address)).status_code == 204
    assert (await client.get(address)).status_code == 404
    assert ("create_project", 201) in inspector.seen


async def test_labels_answer_as_documented(ada: Person, inspector: Inspector) -> None:
    client = ada.client
    label = await ada.make_label("Home", color="#2e7d32")
    todo = await ada.make_todo(labels=["home", "new"])
    address, inbox = f"/v1/labels/{label['id']}", (await ada.inbox())["id"]
    queries = ("", "limit=1", "sort=name&include_total=true", f"project_id={inbox}&sort=-name")
    for query in queries:
        page = await client.get(f"/v1/labels?{query}")
        again = await client.get(page.request.url, headers={"If-None-Match": page.headers["etag"]})
        assert (page.status_code, again.status_code) == (200, 304)
    for refused in ("limit=0", "cursor=x", "sort=color", "project_id=x"):
        assert (await client.get(f"/v1/labels?{refused}")).status_code == 422
    for body, status in (
        ({"name": "x", "id": label["id"]}, 409),
        ({"name": "HOME"}, 409),
        ({"name": "x", "id": str(new_id())}, 201),
        ({"name": ""}, 422),
    ):
        assert (await client.post("/v1/labels", json=body)).status_code == status
    repeated = {"title": "x", "labels": ["a", "A"]}
    assert (await client.post("/v1/todos", json=repeated)).status_code == 422
    url = f"/v1/todos/{todo['id']}"
    assert (await client.patch(url, json={"labels": ["a", "A"]})).status_code == 422
    assert (await client.get("/v1/todos?label=home&label_all=new")).json()["items"] == [todo]
    stale = {"If-Match": '"99"'}
    assert (await client.patch(address, json={"name": "x"}, headers=stale)).status_code == 412
    assert (await client.delete(address, headers=stale)).status_code == 412
    assert (await client.patch(address, json={"name": "new"})).status_code == 409
    assert (await client.patch(address, json={"name": "House"})).status_code == 200
    assert (await client.get(address)).status_code == 200
    assert (await client.delete(address)).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        json = {"name": "x"} if method == "PATCH" else None
        assert (await client.request(method, address, json=json)).status_code == 404
    assert ("create_label", 201) in inspector.seen


async def test_accounts_answer_as_documented(
    ada: Person, stranger: AsyncClient, inspector: Inspector
) -> None:
    email = f"{new_id()}@example.com"
    for expected in (201, 409):
        response = await stranger.post("/v1/users", json={"email": email, "password": PASSWORD})
        assert response.status_code == expected
    for body in ({"email": "x", "password": "x"}, {"email": email, "password": "password" * 2}):
        assert (await stranger.post("/v1/users", json=body)).status_code == 422
    me = "/v1/users/me"
    assert (await stranger.get(me)).status_code == 401
    etag = (await ada.get(me)).headers["etag"]
    assert (await ada.get(me, headers={"If-None-Match": etag})).status_code == 304
    zone = {"timezone": "Europe/Berlin"}
    for match, expected in (('"99"', 412), (etag, 200)):
        response = await ada.client.patch(me, json=zone, headers={"If-Match": match})
        assert response.status_code == expected
    assert ("get_current_user", 401) in inspector.seen


async def test_signing_in_and_out_answers_as_documented(
    ada: Person, stranger: AsyncClient, inspector: Inspector
) -> None:
    sign_in = {"grant_type": "password", "username": ada.user["email"], "password": PASSWORD}
    tokens = await stranger.post("/v1/oauth/token", data=sign_in)
    assert tokens.status_code == 200
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens.json()["refresh_token"]}
    for form, error in (
        (refresh, None),
        (refresh, "invalid_grant"),
        ({**sign_in, "password": "wrong"}, "invalid_grant"),
        ({**sign_in, "scope": "everything"}, "invalid_scope"),
        ({**sign_in, "grant_type": "magic"}, "unsupported_grant_type"),
        ({}, "invalid_request"),
    ):
        response = await stranger.post("/v1/oauth/token", data=form)
        assert response.json().get("error") == error
    for form, status in ({"token": tokens.json()["access_token"]}, 200), ({"x": "y"}, 400):
        assert (await stranger.post("/v1/oauth/revoke", data=form)).status_code == status
    assert ("revoke_token", 400) in inspector.seen


async def test_passwords_and_ends_of_accounts_answer_as_documented(
    ada: Person, inspector: Inspector
) -> None:
    client, new = ada.client, f"{PASSWORD} once more"
    for body, status in (
        ({"current": "wrong", "new": new}, 422),
        ({"current": PASSWORD, "new": "short"}, 422),
        ({"current": PASSWORD}, 422),
        ({"current": PASSWORD, "new": new}, 204),
    ):
        assert (await client.post("/v1/users/me/password", json=body)).status_code == status
    for json, status in (({}, 422), ({"password": PASSWORD}, 422), ({"password": new}, 204)):
        response = await client.request("DELETE", "/v1/users/me", json=json)
        assert response.status_code == status
    response = await client.request("DELETE", "/v1/users/me", json={"password": new})
    assert response.status_code == 401
    assert ("change_password", 204) in inspector.seen
    assert ("delete_current_user", 204) in inspector.seen


async def test_sessions_answer_as_documented(ada: Person, inspector: Inspector) -> None:
    client = ada.client
    session = await ada.make_session()
    for query in ("", "limit=1", "include_total=true"):
        page = await client.get(f"/v1/sessions?{query}")
        again = await client.get(page.request.url, headers={"If-None-Match": page.headers["etag"]})
        assert (page.status_code, again.status_code) == (200, 304)
    for refused in ("limit=0", "cursor=x", "sort=-created_at"):
        assert (await client.get(f"/v1/sessions?{refused}")).status_code == 422
    for path, status in (
        (session["id"], 204),
        (session["id"], 404),
        (NOWHERE, 404),
        ("x", 422),
        ("", 204),
    ):
        response = await client.delete(f"/v1/sessions/{path}".rstrip("/"))
        assert response.status_code == status
    assert ("delete_other_sessions", 204) in inspector.seen


async def test_introspection_answers_as_documented(
    ada: Person, stranger: AsyncClient, inspector: Inspector
) -> None:
    tokens = (ada.tokens["access_token"], ada.tokens["refresh_token"], "x")
    for token, is_active in zip(tokens, (True, True, False), strict=True):
        response = await ada.client.post("/v1/oauth/introspect", data={"token": token})
        assert response.json()["active"] is is_active
    for client, form, status in ((ada.client, {"x": "y"}, 400), (stranger, {"token": "x"}, 401)):
        assert (await client.post("/v1/oauth/introspect", data=form)).status_code == status
    assert ("introspect_token", 401) in inspector.seen


async def test_what_anybody_may_ask_answers_as_documented(
    stranger: AsyncClient, inspector: Inspector
) -> None:
    metadata = "/.well-known/oauth-authorization-server"
    for path in ("/livez", "/readyz", "/.well-known/jwks.json", metadata):
        assert (await stranger.get(path)).status_code == 200
        assert (await stranger.get(f"{path}?colour=1")).status_code == 422
    assert len(inspector.seen) == 8
