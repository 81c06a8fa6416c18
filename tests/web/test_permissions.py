"""The matrix: every operation, sent by everybody of whom `docs/permissions.md` says something."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx import Response

from app.features.routes import SCOPES
from app.security.principal import Principal
from tests import permissions_page
from tests.people import Json, Person, invite, join, sign_in, sign_up
from tests.permissions_page import LIMITED, MEMBERS, PEOPLE, UNSCOPED, access, statuses
from tests.web.callers import Caller
from tests.web.operations import SECURED_OPERATIONS, Operation

ACCESS = access()
_DUE = {"date": "2026-11-30"}


def test_the_page_is_that_of_the_code() -> None:
    assert permissions_page.PATH.read_text() == permissions_page.page(), (
        "docs/permissions.md is old: python -m tests.permissions_page"
    )


def test_each_operation_declares_who_may() -> None:
    """Public ones have nothing to declare."""
    assert ACCESS.keys() == {operation.id for operation in SECURED_OPERATIONS}


@dataclass
class World:
    """People, and what each of them asks for."""

    app: FastAPI
    people: Mapping[str, Person]

    async def make(self) -> Mapping[str, str]:
        """A project of the owner with its members, and all that paths and bodies may name."""
        owner = self.people["owner"]
        project = await owner.make_project("Shared")
        for role in MEMBERS[1:]:
            await join(owner, project, self.people[role], role)
        await join(owner, project, self.people["another"], "viewer")
        repeats = {"rrule": "FREQ=WEEKLY", "repeat_from": "due"}
        label = await owner.make_label()
        todo = await owner.make_todo(
            project_id=project["id"], due=_DUE, recurrence=repeats, labels=[label["name"]]
        )
        url = f"/v1/todos/{todo['id']}/completions"
        made = (await owner.client.post(url, json={"occurrence": _DUE})).json()
        commented = await owner.client.post(
            f"/v1/todos/{todo['id']}/comments", json={"body": "Sold out."}
        )
        trashed = await owner.make_todo(project_id=project["id"])
        shed = await owner.make_project("Shed", parent_id=project["id"])
        for url in (f"/v1/todos/{trashed['id']}", f"/v1/projects/{shed['id']}"):
            assert (await owner.client.delete(url)).is_success
        invited = await invite(owner, project, self.people["invited"].user["email"])
        other = await invite(owner, project, f"{uuid4().hex}@example.com")
        return {
            "project_id": project["id"],
            "todo_id": todo["id"],
            "label_id": label["id"],
            "completion_id": made["completion"]["id"],
            "comment_id": commented.json()["id"],
            "item_id": trashed["id"],
            "trashed_project_id": shed["id"],
            "due": made["todo"]["due"]["date"],
            "user_id": str(self.people["another"].id),
            "received": invited["id"],
            "sent": other["id"],
            "token": invited["token"],
        }

    async def send(
        self, operation: Operation, person: Person, ids: Mapping[str, str], **headers: str
    ) -> Response:
        """A valid request, that names what `ids` are."""
        received = not operation.path.startswith("/v1/projects")
        named = {**ids, "invitation_id": ids["received" if received else "sent"]}
        if operation.id == "restore_todo":
            named["todo_id"] = ids["item_id"]
        if operation.id == "restore_project":
            named["project_id"] = ids["trashed_project_id"]
        body = self._body(operation, named) if operation.body is not None else None
        return await person.client.request(
            operation.method, operation.path.format(**named), json=body, headers=headers
        )

    def _body(self, operation: Operation, ids: Mapping[str, str]) -> Json:
        values: dict[str, Any] = {
            "create_todo": {"project_id": ids["project_id"]},
            "create_completion": {"occurrence": {"date": ids["due"]}},
            "accept_invitation_by_token": {"token": ids["token"]},
            "transfer_project": {"user_id": str(self.people["owner"].id)},
        }
        body = Caller(self.people["owner"]).value(operation)
        return {**body, **values.get(operation.id, {})}


@pytest.fixture(scope="module")
async def world(app: FastAPI) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(
            app,
            {
                name: await stack.enter_async_context(sign_up(app, name))
                for name in (*PEOPLE, "another")
            },
        )


def limit(app: FastAPI, patch: pytest.MonkeyPatch, project: Json) -> None:
    """Take every token for one that is limited to this project."""
    gate = app.state.request_gate
    authenticate = gate.authenticate

    async def limited(token: str) -> Principal:
        principal: Principal = await authenticate(token)
        return replace(principal, project_id=UUID(project["id"]))

    patch.setattr(gate, "authenticate", limited)


def _is_own(operation: Operation) -> bool:
    return ACCESS[operation.id].role == "own"


each_of_a_project = pytest.mark.parametrize(
    "operation", [each for each in SECURED_OPERATIONS if not _is_own(each)], ids=str
)
each_own = pytest.mark.parametrize(
    "operation", [each for each in SECURED_OPERATIONS if _is_own(each)], ids=str
)


@each_of_a_project
async def test_what_is_a_projects(world: World, operation: Operation) -> None:
    expected = statuses(operation, ACCESS[operation.id])
    role = ACCESS[operation.id].role
    may = world.people[role if role in PEOPLE else "stranger" if role == "token" else "owner"]
    ids = await world.make()
    found: dict[str, int | None] = {}
    for name in reversed(PEOPLE):
        response = await world.send(operation, world.people[name], ids)
        found[name] = response.status_code
        if response.is_success and operation.method != "GET":
            ids = await world.make()
    elsewhere = await may.make_project("Elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        limit(world.app, patch, elsewhere)
        found[LIMITED] = (await world.send(operation, may, ids)).status_code
    found[UNSCOPED] = (await _unscoped(world, operation, may, ids)).status_code
    assert found == expected


async def _unscoped(
    world: World, operation: Operation, person: Person, ids: Mapping[str, str]
) -> Response:
    """By a token that has all scopes but those that it needs."""
    others = " ".join(SCOPES.keys() - set(operation.scopes or ()))
    tokens = await sign_in(person.client, person.user["email"], scope=others)
    return await world.send(
        operation, person, ids, Authorization=f"Bearer {tokens['access_token']}"
    )


@each_own
async def test_what_is_ones_own(app: FastAPI, operation: Operation) -> None:
    """It is the same for everybody: whose the projects are does not count."""
    expected = statuses(operation, ACCESS[operation.id])
    assert len({expected[name] for name in PEOPLE}) == 1
    async with sign_up(app) as person:
        response = await Caller(person).send(operation)
        assert response.status_code == expected["stranger"]
        if expected[LIMITED] is not None:
            project = await person.make_project()
            with pytest.MonkeyPatch.context() as patch:
                limit(app, patch, project)
                response = await Caller(person).send(operation)
            assert response.status_code == expected[LIMITED]
        if expected[UNSCOPED] is not None:
            others = " ".join(SCOPES.keys() - set(operation.scopes or ()))
            tokens = await sign_in(person.client, person.user["email"], scope=others)
            token = f"Bearer {tokens['access_token']}".encode()
            response = await Caller(person).send(operation, headers=[(b"Authorization", token)])
            assert response.status_code == expected[UNSCOPED]
