"""Somebody who knows a valid request for every operation, and sends others that differ from it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from urllib.parse import urlencode
from uuid import uuid4

import orjson
from httpx import Response

from tests.people import PASSWORD, Person
from tests.web.operations import Json, Operation

Header = tuple[bytes, bytes]

# As in the example of a completion.
_DUE = {"date": "2026-11-30"}


def _make_todo(person: Person) -> Awaitable[Json]:
    """One that repeats, so that an occurrence of it can be completed."""
    recurrence = {"rrule": "FREQ=WEEKLY", "repeat_from": "due"}
    return person.make_todo(due=_DUE, recurrence=recurrence)


# What each path parameter stands for; a new one is added here.
_MAKERS: Mapping[str, Callable[[Person], Awaitable[Json]]] = {
    "todo_id": _make_todo,
    "project_id": Person.make_project,
    "label_id": Person.make_label,
    "session_id": Person.make_session,
}
# What may complete the todo's occurrence.
_COMPLETES = {"create_completion", "update_todo"}
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
        ids = {
            name: await self._id(name)
            for name in operation.parameters("path")
            if name not in (path or {})
        }
        address = operation.path.format(**ids, **(path or {}))
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
        # It is gone, or its occurrence is.
        is_spent = operation.method == "DELETE" or operation.id in _COMPLETES
        if is_spent and response.is_success:
            self._ids.clear()
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
        return {**operation.body["example"], **unique}

    def form(self, operation: Operation) -> dict[str, str]:
        example: dict[str, str] = operation.form_example
        real = {"username": self.person.user["email"], "password": PASSWORD}
        return example | {name: text for name, text in real.items() if name in example}

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
