"""What an endpoint may ask for, how it is given it, and what is refused when the route is made."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import (
    APIRouter,
    Cookie,
    Depends,
    FastAPI,
    Form,
    Header,
    Query,
    Request,
    Response,
    Security,
)
from httpx import ASGITransport, AsyncClient
from pydantic import Field

from app.core.schemas import Flag, Input, ListQuery
from app.observability.metrics import RequestCounts
from app.web.body_buffering import Buffers
from app.web.dependencies import principal
from app.web.endpoint import Endpoint, UnsupportedRoute
from app.web.request_middleware import RequestMiddleware
from app.web.routing import Route, router
from tests.web.operations import APP, OPERATIONS

ID = "01936b7e-8f00-7000-8000-000000000000"


class Filters(ListQuery):
    name: list[str] = []
    done: bool | None = None


class Item(Input):
    title: str = Field(min_length=1)
    done: Flag = False


class Words(Input):
    word: str
    other: str | None = None


def agent(request: Request) -> str | None:
    return request.headers.get("user-agent")


async def slowly(request: Request) -> str:
    return request.method


def of_another(request: Request, other: Annotated[str, Depends(agent)]) -> str:
    return request.method + other


async def generated(request: Request) -> AsyncIterator[str]:
    yield request.method


Agent = Annotated[str | None, Depends(agent)]


def client_of(*routes: Route) -> AsyncClient:
    app = FastAPI(openapi_url=None)
    app.middleware_stack = RequestMiddleware(app.router, Buffers(), RequestCounts())
    app.router.routes.extend(routes)
    return AsyncClient(transport=ASGITransport(app), base_url="http://tickbox")


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    async def search(
        request: Request, by: Agent, item_id: UUID, query: Annotated[Filters, Query()]
    ) -> Response:
        return Response(f"{request.method} {by} {item_id} {query!r}")

    async with client_of(Route("/items/{item_id}", search)) as client:
        yield client


async def test_gets_a_service_the_request_a_part_of_the_path_and_the_query(
    client: AsyncClient,
) -> None:
    response = await client.get(
        f"/items/{ID}?name=a&limit=3&name=b", headers={"User-Agent": "Mosaic"}
    )
    query = Filters(limit=3, name=["a", "b"])
    assert response.text == f"GET Mosaic {ID} {query!r}"


async def test_all_errors_are_told_at_once(client: AsyncClient) -> None:
    problem = (await client.get("/items/7?limit=0&done=maybe")).json()
    assert [(error["in"], error["pointer"]) for error in problem["errors"]] == [
        ("path", "/item_id"),
        ("query", "/limit"),
        ("query", "/done"),
    ]


def arguments(annotation: Any, body: Any) -> Any:
    async def endpoint(data: Any) -> None: ...

    endpoint.__annotations__["data"] = annotation
    return Endpoint(endpoint, ()).arguments({"body": body})


def test_body_is_a_model_of_json_or_of_a_form() -> None:
    assert arguments(Item, {"title": "a"}) == {"data": Item(title="a")}
    assert arguments(Annotated[Words, Form()], {"word": "a"}) == {"data": Words(word="a")}


def test_scopes_are_those_of_all_that_it_asks_for() -> None:
    async def public(by: Agent) -> None: ...

    async def anybody(one: Annotated[Any, Security(principal)]) -> None: ...

    async def some(
        one: Annotated[Any, Security(principal, scopes=["a:read"])],
        two: Annotated[Any, Security(agent, scopes=["b:read", "a:read"])],
    ) -> None: ...

    scopes = [Endpoint(function, ()).scopes for function in (public, anybody, some)]
    assert scopes == [None, frozenset(), frozenset({"a:read", "b:read"})]


@pytest.mark.parametrize(
    "annotation",
    {
        "a service that is awaited": Annotated[str, Depends(slowly)],
        "a service that ends after the answer": Annotated[str, Depends(generated)],
        "a service of other services": Annotated[str, Depends(of_another)],
        "a cookie": Annotated[str | None, Cookie()],
        "headers": Annotated[Item, Header()],
        "FastAPI's response": Response,
        "a parameter of the query by itself": str,
        "a body that may be left out": Item | None,
        "a query without a model": Annotated[str, Query()],
    }.items(),
    ids=lambda annotation: annotation[0],
)
def test_what_it_cannot_be_given_is_refused_when_the_route_is_made(
    annotation: tuple[str, Any],
) -> None:
    with pytest.raises(UnsupportedRoute):
        arguments(annotation[1], {})


def test_what_would_be_read_in_two_ways_is_refused() -> None:
    async def two_bodies(one: Item, other: Words) -> None: ...

    async def two_queries(
        one: Annotated[Filters, Query()], other: Annotated[Filters, Query()]
    ) -> None: ...

    async def by_default(one: Agent = None) -> None: ...

    for function in (two_bodies, two_queries, by_default):
        with pytest.raises(UnsupportedRoute):
            Endpoint(function, ())


def test_function_that_is_not_async_is_refused() -> None:
    with pytest.raises(UnsupportedRoute):
        Route("/", lambda: None)


def test_dependencies_that_would_not_be_solved_are_refused() -> None:
    async def endpoint() -> None: ...

    with pytest.raises(UnsupportedRoute):
        Route("/", endpoint, dependencies=[Depends(agent)])
    inner = router("/items", "items")
    inner.add_api_route("", endpoint)
    outer = APIRouter(dependencies=[Depends(agent)])
    outer.include_router(inner)
    app = FastAPI(openapi_url=None)
    with pytest.raises(UnsupportedRoute):
        app.include_router(outer)


def test_every_operation_is_answered_by_our_route() -> None:
    ours = {route.operation_id for route in APP.routes if isinstance(route, Route)}
    assert ours == {operation.id for operation in OPERATIONS}
