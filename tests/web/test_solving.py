"""The plan of a route does what FastAPI would: the same calls in order, the same errors."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import (
    APIRouter,
    Body,
    Cookie,
    Depends,
    FastAPI,
    Form,
    Header,
    Query,
    Request,
    Response,
)
from fastapi.routing import APIRoute, request_response
from httpx import ASGITransport, AsyncClient
from pydantic import Field

from app.core.errors import NotFound
from app.core.schemas import Flag, Input, JsonPage, JsonRow, ListQuery
from app.web import exception_handlers
from app.web.dependencies import ExpectedVersion
from app.web.request_middleware import RequestMiddleware
from app.web.routing import Route
from app.web.solving import Plan, Unplanned

ID = "01936b7e-8f00-7000-8000-000000000000"


class FastApisRoute(Route):
    """A route as FastAPI itself serves it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.app = request_response(self.get_route_handler())


class Filters(ListQuery):
    name: list[str] = []
    done: bool | None = None


class Item(Input):
    title: str = Field(min_length=1)
    done: Flag = False
    parts: list["Item"] = []


def _note(request: Request, *words: object) -> None:
    request.app.state.journal.append(words)


async def first(request: Request) -> str:
    _note(request, "first")
    return "first"


async def transaction(request: Request) -> AsyncIterator[str]:
    _note(request, "begin")
    try:
        yield "transaction"
    except NotFound:
        _note(request, "rollback")
        raise
    _note(request, "commit")


First = Annotated[str, Depends(first)]
Transaction = Annotated[str, Depends(transaction, scope="function")]


async def second(request: Request, transaction: Transaction, first: First) -> str:
    _note(request, "second", transaction, first)
    return "second"


async def checked(
    request: Request,
    first: First,
    if_checked: Annotated[str | None, Header(pattern="^[a-z]+$")] = None,
) -> str | None:
    _note(request, "checked", first, if_checked)
    return if_checked


async def refused(request: Request) -> str:
    raise NotFound


class Answer:
    """Notes when the answer leaves, and whether it was whole."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._app.state.journal.append(("answer", message["status"]))
            await send(message)

        await self._app(scope, receive, noted if scope["type"] == "http" else send)


Second = Annotated[str, Depends(second)]
Checked = Annotated[str | None, Depends(checked)]


def _stored(*said: object) -> JsonRow:
    return JsonRow(UUID(ID), 3, str(said))


def _routes(router: APIRouter) -> None:
    @router.get("/items", dependencies=[Depends(first)])
    async def list_items(request: Request, query: Annotated[Filters, Query()]) -> JsonPage:
        _note(request, query)
        return JsonPage([query.model_dump_json()], None)

    @router.post("/items/{item_id}", status_code=201)
    async def write_item(
        request: Request,
        second: Second,
        checked: Checked,
        first: First,
        item_id: UUID,
        query: Annotated[Filters, Query()],
        data: Item,
        expected: ExpectedVersion,
    ) -> JsonRow:
        _note(request, second, checked, first, item_id, query, data, expected)
        return _stored(second, checked, first, item_id, query, data, expected)

    @router.patch("/items/{item_id}")
    async def fail(request: Request, transaction: Transaction, item_id: UUID) -> JsonRow:
        _note(request, transaction, item_id)
        raise NotFound

    @router.get("/refused", dependencies=[Depends(refused)])
    async def never(request: Request, second: Second) -> JsonRow:
        _note(request, second)
        return _stored(second)


def _app(route_class: type[Route]) -> FastAPI:
    app = FastAPI(openapi_url=None)
    exception_handlers.install(app)
    app.add_middleware(RequestMiddleware, max_body_bytes=10_000)
    router = APIRouter(route_class=route_class)
    _routes(router)
    app.router.routes.extend(router.routes)
    app.state.journal = []
    return app


async def _send(route_class: type[Route], request: dict[str, Any]) -> tuple[Any, ...]:
    """What is answered, and what happened until then in which order."""
    app = _app(route_class)
    transport = ASGITransport(Answer(app))
    async with AsyncClient(transport=transport, base_url="http://tickbox") as client:
        headers = {"X-Request-Id": "one", **request.pop("headers", {})}
        response = await client.request(**request, headers=headers)
    answered = (response.status_code, sorted(response.headers.multi_items()), response.content)
    return (*answered, app.state.journal)


def test_all_of_these_routes_have_a_plan() -> None:
    assert [
        Plan(route).has_contexts for route in _app(Route).routes if isinstance(route, Route)
    ] == [
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("headers", [{}, {"If-Checked": "yes"}, {"If-Checked": "NO"}], ids=str)
@pytest.mark.parametrize(
    "content", ['{"title":"a"}', '{"title":"","parts":[{"x":1}]}', "[]", "null", ""]
)
@pytest.mark.parametrize("query", ["", "?name=a&name=b&limit=3", "?limit=0&done=maybe", "?cursor="])
@pytest.mark.parametrize("item_id", [ID, "7"])
async def test_same_answer_after_the_same_calls(
    item_id: str, query: str, content: str, headers: dict[str, str]
) -> None:
    request = {
        "method": "POST",
        "url": f"/items/{item_id}{query}",
        "content": content,
        "headers": {"Content-Type": "application/json", "If-Match": '"3"', **headers},
    }
    assert await _send(Route, dict(request)) == await _send(FastApisRoute, dict(request))


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize(
    "url", ["/items", "/items?limit=9", "/items?limit=x", "/items/7", f"/items/{ID}", "/refused"]
)
async def test_same_answer_without_a_body(method: str, url: str) -> None:
    request = {"method": method, "url": url}
    assert await _send(Route, dict(request)) == await _send(FastApisRoute, dict(request))


async def test_each_is_called_once_and_the_transaction_ends_before_the_answer() -> None:
    status, _, _, journal = await _send(
        Route, {"method": "POST", "url": f"/items/{ID}", "json": {"title": "a"}}
    )
    assert status == 201
    names = [words[0] for words in journal]
    assert names == ["begin", "first", "second", "checked", "second", "commit", "answer"]
    assert journal[2] == ("second", "transaction", "first")


async def test_error_of_the_endpoint_ends_the_transaction() -> None:
    status, _, _, journal = await _send(Route, {"method": "PATCH", "url": f"/items/{ID}"})
    assert status == 404
    assert [words[0] for words in journal] == ["begin", "transaction", "rollback", "answer"]


async def test_all_errors_are_told_at_once_and_the_endpoint_is_not_called() -> None:
    status, _, content, journal = await _send(
        Route,
        {
            "method": "POST",
            "url": "/items/7?limit=0",
            "json": {"title": ""},
            "headers": {"If-Checked": "NO"},
        },
    )
    assert status == 422
    assert [place in content for place in (b'"header"', b'"path"', b'"query"', b'"body"')] == [
        True
    ] * 4
    # The transaction was begun for nothing, as by FastAPI, and ends as one that failed.
    assert [words[0] for words in journal] == ["begin", "first", "second", "answer"]


@pytest.mark.parametrize(
    "asked",
    {
        "a function that is not async": Annotated[str, Depends(lambda: "sync")],
        "a form": Annotated[Item, Form()],
        "the response": Response,
        "a query without a model": str,
        "part of a body": Annotated[Item, Body(embed=True)],
        "a body that may be left out": Item | None,
        "what ends after the answer": Annotated[str, Depends(transaction)],
        "what is not kept": Annotated[str, Depends(first, use_cache=False)],
        "a header that is a number": Annotated[int | None, Header()],
        "a cookie": Annotated[str | None, Cookie()],
    }.items(),
    ids=lambda asked: asked[0],
)
def test_what_a_plan_does_not_know_is_fastapis(asked: tuple[str, Any]) -> None:
    async def endpoint(one: Any) -> JsonRow:
        return _stored(one)

    endpoint.__annotations__["one"] = asked[1]
    endpoint.__defaults__ = (None,) if "None" in str(asked[1]) else None
    with pytest.raises(Unplanned):
        Plan(APIRoute("/", endpoint, methods=["POST"]))


def test_parameters_that_two_dependencies_would_read_are_fastapis() -> None:
    async def endpoint(one: Checked, two: Annotated[str, Depends(checked)]) -> JsonRow:
        return _stored(one, two)

    with pytest.raises(Unplanned):
        Plan(APIRoute("/", endpoint))


def test_answer_that_is_no_row_and_no_page_is_fastapis() -> None:
    async def endpoint() -> Item:
        return Item(title="a")

    with pytest.raises(Unplanned):
        Plan(APIRoute("/", endpoint))


async def test_router_that_is_included_keeps_what_includes_it() -> None:
    router = APIRouter(route_class=Route)
    _routes(router)
    app = FastAPI(openapi_url=None, dependencies=[Depends(refused)])
    exception_handlers.install(app)
    app.add_middleware(RequestMiddleware, max_body_bytes=10_000)
    app.include_router(router)
    app.state.journal = []
    async with AsyncClient(transport=ASGITransport(app), base_url="http://tickbox") as client:
        response = await client.get("/items")

    assert response.status_code == 404
    assert app.state.journal == []
