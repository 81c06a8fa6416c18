"""Somebody who knows a valid request for every operation, and sends others that differ from it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from urllib.parse import urlencode
from uuid import uuid4

import orjson
from httpx import Response

from tests.people import PASSWORD, Person, another, invite, join
from tests.web.operations import Json, Operation

Header = tuple[bytes, bytes]

# As in the example of a completion.
_DUE = {"date": "2026-11-30"}


def _make_todo(person: Person) -> Awaitable[Json]:
    """One that repeats, so that an occurrence of it can be completed."""
    recurrence = {"rrule": "FREQ=WEEKLY", "repeat_from": "due"}
    return person.make_todo(due=_DUE, recurrence=recurrence)


async def _make_trash(person: Person) -> Json:
    """Something in the trash."""
    todo = await person.make_todo()
    assert (await person.client.delete(f"/v1/todos/{todo['id']}")).is_success
    return todo


async def _make_member(person: Person) -> Json:
    """Somebody who has joined a project of this person."""
    project = await person.make_project()
    async with another(person) as member:
        await join(person, project, member)
    return {"id": str(member.id), "project_id": project["id"]}


async def _make_invitation(person: Person) -> Json:
    """One to a project of this person."""
    project = await person.make_project()
    made = await invite(person, project, f"{uuid4().hex}@example.com")
    return {**made, "project_id": project["id"]}


async def _make_invitation_of(person: Person) -> Json:
    """One that somebody else sent to this person."""
    async with another(person) as inviter:
        return await invite(inviter, await inviter.make_project(), person.user["email"])


# What each path parameter stands for; a new one is added here.
_MAKERS: Mapping[str, Callable[[Person], Awaitable[Json]]] = {
    "todo_id": _make_todo,
    "project_id": Person.make_project,
    "label_id": Person.make_label,
    "session_id": Person.make_session,
    "item_id": _make_trash,
    "invitation_id": _make_invitation_of,
}
# Where it stands for something of the project that the path names before it.
_IN_PROJECT: Mapping[str, Callable[[Person], Awaitable[Json]]] = {
    "user_id": _make_member,
    "invitation_id": _make_invitation,
}
# What these restore is put into the trash before.
_RESTORES = {"restore_todo": "/v1/todos/{todo_id}", "restore_project": "/v1/projects/{project_id}"}
# What may complete the todo's occurrence, or answers the invitation.
_SPENDS = {
    *("create_completion", "update_todo"),
    *("accept_invitation", "accept_invitation_by_token", "decline_invitation"),
}
# What each required parameter of a query is, for which the declared scopes are enough.
_REQUIRED = {"by": "label"}
# What ends the caller's session, or changes its password: it goes on as somebody new.
_ENDS = {"change_password", "delete_current_user", "delete_other_sessions"}


class Caller:
    """Sends requests that are valid but for what a test says."""

    def __init__(self, person: Person, ids: Mapping[str, str] | None = None) -> None:
        self.person = person
        # What the parameters of paths stand for.
        self._ids: dict[str, str] = dict(ids or {})
        self._token: str | None = None

    async def send(
        self,
        operation: Operation,
        *,
        method: str | None = None,
        path: Mapping[str, str] | None = None,
        query: str = "",
        headers: Sequence[Header] = (),
        body: bytes | AsyncIterator[bytes] | None = None,
        signed_in: bool = True,
    ) -> Response:
        """The answer to a valid request with this changed; all is sent as it is given."""
        ids = {**await self.ids(operation), **(path or {})}
        address = operation.path.format(**ids)
        if operation.id in _RESTORES:
            # Where it is there already, this changes nothing.
            await self.person.client.delete(_RESTORES[operation.id].format(**ids))
        query = "&".join(filter(None, (query, *self._required(operation, query))))
        if body is None:
            body = self.body(operation)
        given = {name.lower() for name, _ in headers}
        content_type = next(iter(operation.contents), "application/octet-stream").encode()
        sent = [(b"Content-Type", content_type)] if body and b"content-type" not in given else []
        client = self.person.client
        request = client.build_request(
            method or operation.method,
            f"{address}?{query}" if query else address,
            headers=[*sent, *headers],
            content=body,
        )
        if not signed_in:
            del request.headers["Authorization"]
        response = await client.send(request)
        # It is gone, or what of it was to be answered.
        is_spent = operation.method == "DELETE" or operation.id in _SPENDS
        # What was not restored is in the trash.
        if (is_spent and response.is_success) or operation.id in _RESTORES:
            self._ids.clear()
            self._token = None
        if operation.id in _ENDS and response.is_success:
            await self.person.begin_anew()
            self._ids.clear()
        return response

    def _required(self, operation: Operation, query: str) -> Iterator[str]:
        """The parameters that the query needs and has not."""
        for name, parameter in operation.parameters("query").items():
            if parameter["required"] and f"{name}=" not in query:
                yield f"{name}={_REQUIRED[name]}"

    def body(self, operation: Operation) -> bytes:
        """A valid one."""
        if operation.is_form:
            return urlencode(self.form(operation)).encode()
        return b"" if operation.body is None else orjson.dumps(self.value(operation))

    def value(self, operation: Operation) -> Json:
        """The body as it was before it was JSON."""
        assert operation.body is not None
        unique = {
            name: f"{uuid4().hex}@example.com"
            for name, field in operation.body_schema["properties"].items()
            if field.get("format") == "email"
        }
        if operation.id == "create_label":
            unique["name"] = f"Label {uuid4().hex}"
        if operation.id == "transfer_project":
            unique["user_id"] = str(self.person.id)
        if operation.id == "accept_invitation_by_token":
            unique["token"] = self._token or "tbi_none"
        return {**operation.example, **unique}

    def form(self, operation: Operation) -> dict[str, str]:
        example: dict[str, str] = operation.example
        real = {"username": self.person.user["email"], "password": PASSWORD}
        return example | {name: text for name, text in real.items() if name in example}

    async def ids(self, operation: Operation) -> dict[str, str]:
        """What the parameters of its path stand for; what its body names is there then, too."""
        if operation.id == "accept_invitation_by_token" and self._token is None:
            self._token = (await _make_invitation_of(self.person))["token"]
        names = operation.parameters("path").keys()
        found = _IN_PROJECT.keys() & names if "project_id" in names else set()
        ids: dict[str, str] = {}
        for name in found:
            known = f"{name} in project_id"
            if known not in self._ids:
                made = await _IN_PROJECT[name](self.person)
                self._ids |= {known: made["id"], f"project_id of {name}": made["project_id"]}
            ids |= {name: self._ids[known], "project_id": self._ids[f"project_id of {name}"]}
        return ids | {name: await self._id(name) for name in names - ids.keys()}

    async def _id(self, name: str) -> str:
        if name not in self._ids:
            if name == "completion_id":
                url = f"/v1/todos/{await self._id('todo_id')}/completions"
                answer = await self.person.client.post(url, json={"occurrence": _DUE})
                assert answer.status_code == 201, answer.text
                made = answer.json()["completion"]
            elif name == "comment_id":
                made = await self.person.make_comment({"id": await self._id("todo_id")})
            else:
                made = await _MAKERS[name](self.person)
            self._ids[name] = made["id"]
        return self._ids[name]
