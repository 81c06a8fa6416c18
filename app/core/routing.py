"""What all routes share, once: FastAPI's own extension point, an `APIRoute` subclass.

Before FastAPI sees a request, `admission` lets it in, or answers it from the cache. Before the
dependencies are solved (by `solving`, where that knows how), input is read strictly: parameters,
content type, JSON. After the endpoint, and before the commit, a `Stored` row or a `Listed` page
becomes the answer, with its `ETag`, `Location` and `Link`, or a 304; what was read is cached, and
what was written under an `Idempotency-Key` is kept with it.
"""

import functools
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.admission import Terms
from app.core.authentication import bearer
from app.core.body import StrictRequest, read_body
from app.core.errors import Conflict, NotFound, PreconditionFailed
from app.core.idempotency import Replay
from app.core.query import known_parameters, parse_query
from app.core.responses import (
    ListedResponse,
    Representation,
    StoredResponse,
    is_unchanged,
    send_page,
    unchanged,
)
from app.core.schemas import Listed, Stored
from app.core.solving import Plan, Unplanned

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
StrictHandler = Callable[[StrictRequest], Coroutine[Any, Any, Response]]
F = TypeVar("F", bound=Callable[..., Any])


class Route(APIRoute):
    """A route of Tickbox; every router is made by `router()`, and so has it."""

    media_types: tuple[str, ...] = ("application/json",)
    is_cached = False

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _answering(endpoint), **options)
        try:
            plan = Plan(self)
        except Unplanned:
            return
        self.app = _planned(self.around(plan), has_contexts=plan.has_contexts)

    @functools.cached_property
    def terms(self) -> Terms:
        """On what a request is let in."""
        scopes = list(_scopes(self.dependant))
        return Terms(
            scopes=frozenset[str]().union(*scopes) if scopes else None,
            is_limited=self.path.startswith("/v1/"),
            limit=getattr(self.endpoint, "limit", None),
            cached=self.is_cached and "GET" in (self.methods or ()),
        )

    @property
    def takes_idempotency_key(self) -> bool:
        """Whether a request may be sent again under its key: it writes, for somebody known."""
        return self.terms.scopes is not None and "GET" not in (self.methods or ())

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, answered at once where the cache knows how."""
        if self.methods is not None and scope["method"] not in self.methods:
            await super().handle(scope, receive, send)
            return
        page = None
        if self.terms.scopes is not None or self.terms.is_limited:
            page = await scope["app"].state.admission.admit(scope, self.terms)
        if page is None:
            await super().handle(scope, receive, send)
        else:
            await send_page(page, scope, send)

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, between strict input and a conditional answer."""
        return self.around(super().get_route_handler())

    def around(self, handle: StrictHandler) -> Handler:
        """What all routes share, around FastAPI's handler or the plan that stands for it."""
        known = known_parameters(self)
        types = self.media_types
        methods = self.methods or set()
        if "PATCH" in methods:
            types = ("application/merge-patch+json", *types)
        takes_body = self.body_field is not None
        is_read = "GET" in methods
        is_cached = self.is_cached
        created = self.status_code == 201
        takes_key = self.takes_idempotency_key

        async def strict(request: Request) -> Response:
            strict = StrictRequest.of(request)
            query = request.scope["query_string"]
            if query:
                strict.pairs = parse_query(query, known)
            if takes_body:
                await read_body(strict, types)
            if is_read:
                return _read(strict, await handle(strict), is_cached=is_cached)
            return await _write(strict, handle, created=created, takes_key=takes_key)

        return strict


class CachedRoute(Route):
    """One whose reads the cache may answer: who sees what was written is told of each write."""

    is_cached = True


def router(prefix: str, tag: str, *, cached: bool = False) -> APIRouter:
    """A feature's router."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=CachedRoute if cached else Route)


def limited(limit: str) -> Callable[[F], F]:
    """Mark an endpoint: each address may call it only as often as this one of the `Limits` says."""

    def mark(endpoint: F) -> F:
        # A function's attribute, which its type does not know.
        endpoint.limit = limit  # type: ignore[attr-defined]
        return endpoint

    return mark


def _scopes(dependant: Dependant) -> Iterator[list[str]]:
    """The scopes with which each part of an endpoint asks for the principal."""
    for part in dependant.dependencies:
        if part.call is bearer:
            yield [*(part.parent_oauth_scopes or ()), *(part.own_oauth_scopes or ())]
        yield from _scopes(part)


def _answering(
    endpoint: Callable[..., Awaitable[Any]],
) -> Callable[..., Awaitable[Any]]:
    """The endpoint, with what it returns made into a response where that is a row or a page."""

    @functools.wraps(endpoint)
    async def answering(*args: Any, **kwargs: Any) -> Any:
        result = await endpoint(*args, **kwargs)
        if isinstance(result, Stored):
            return StoredResponse(result)
        if isinstance(result, Listed):
            return ListedResponse(result)
        return result

    return answering


def _planned(handle: Handler, *, has_contexts: bool) -> ASGIApp:
    """A route's app, in place of FastAPI's `request_response`.

    Errors become answers in the middleware around all routes, as those of no route do.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = StrictRequest(scope, receive)
        if has_contexts:
            async with AsyncExitStack() as stack:
                scope["fastapi_function_astack"] = stack
                response = await handle(request)
        else:
            response = await handle(request)
        await response(scope, receive, send)

    return app


def _read(request: StrictRequest, response: Response, *, is_cached: bool) -> Response:
    """The answer to a read, as it leaves; one that the cache may give again is kept."""
    if not isinstance(response, Representation):
        return response
    if isinstance(response, ListedResponse):
        response.link_next(request)
    if is_cached:
        slot = request.scope["state"].get("slot")
        if slot is None or response.depends_on_time:
            response.raw_headers.append((b"x-cache", b"bypass"))
        else:
            response.raw_headers.append((b"x-cache", b"miss"))
            request.app.state.cache.keep(slot, response.page())
    return unchanged(response) if is_unchanged(request.scope, response.etag) else response


async def _write(
    request: StrictRequest, handle: StrictHandler, *, created: bool, takes_key: bool
) -> Response:
    """The answer to a write, kept under its `Idempotency-Key` if it has one."""
    state = request.scope["state"]
    if takes_key:
        idempotency = request.app.state.idempotency
        state["claim"] = await idempotency.claim(request, state["principal"])
    try:
        response = await handle(request)
    except Replay as replay:
        return replay.response()
    except (NotFound, Conflict, PreconditionFailed):
        # It tells of what others did, perhaps before they are told themselves.
        if takes_key:
            await request.app.state.cache.outdate([state["principal"].user_id])
        raise
    if created and isinstance(response, StoredResponse):
        response.status_code = 201
        location = f"{request.scope['path']}/{response.stored.id}"
        response.raw_headers.append((b"location", location.encode()))
    if state.get("claim") is not None:
        await state["claim"].keep(response)
    return response
