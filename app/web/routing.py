"""What all routes share: FastAPI declares and documents them, and this class answers for them.

A request that `RequestMiddleware` has passed on goes through `Route.handle`:

1. The request gate authenticates it, counts it, and may have the answer in the cache. Nothing of
   its body is read before.
2. The query, the content type and the body are read strictly, and validated.
3. A read calls the endpoint. A write calls it in one unit of work, which is committed before the
   answer leaves.
4. A row or a page becomes the answer, with `ETag`, `Location` and `Link`, or a 304. What was read
   is cached, and what was written under an `Idempotency-Key` is kept with it.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from app.core.errors import Conflict, LocksContended, NotFound, VersionConflict
from app.core.schemas import JsonPage, JsonRow, Schema
from app.redis.rate_limits import LimitPolicy
from app.web.dependencies import app_state, expected_version, holder, principal
from app.web.endpoint import Endpoint, QueryValues, UnsupportedRoute, parse_query
from app.web.idempotency import Replay, keep
from app.web.json_body import read_body
from app.web.preconditions import refuse
from app.web.request_gate import request_state
from app.web.responses import (
    RepresentationResponse,
    SchemaResponse,
    conditional,
    represent_page,
    represent_row,
)

# How often a write is run whose locks others want too.
_TRIES = 4
# Seconds before the second one, at most; twice as many before each later one.
_PAUSE = 0.005
# Characters.
_LARGE_PAGE = 1 << 19

F = TypeVar("F", bound=Callable[..., Any])


class Route(APIRoute):
    """A route of Tickbox; every router is made by `router()`, and so has it."""

    media_types: tuple[str, ...] = ("application/json",)
    is_cached = False

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Ours in place of FastAPI's. Raises `UnsupportedRoute`."""
        if self.dependencies or hasattr(self, "call"):
            # FastAPI asks again for a route that another router includes.
            raise UnsupportedRoute("dependencies of routers and of include_router are not solved")
        self.call = Endpoint(self.endpoint, self.param_convertors)
        methods = self.methods or set()
        self.is_read = "GET" in methods
        # There is something to compare: what it reads, or the row that it writes.
        self.takes_preconditions = self.is_read or self.call.asks_for(expected_version)
        self.is_cached = self.is_cached and self.is_read
        self.is_limited = self.path.startswith("/v1/") or self.call.scopes is not None
        self.limit: LimitPolicy | None = getattr(self.endpoint, "limit", None)
        if "PATCH" in methods:
            self.media_types = ("application/merge-patch+json", *self.media_types)
        self._beginning = self.path.partition("{")[0]
        return self.answer

    @property
    def takes_idempotency_key(self) -> bool:
        """Whether a request may be sent again under its key: it writes, for somebody known."""
        return self.call.scopes is not None and not self.is_read

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As FastAPI's, which takes several times as long to see that it is another path."""
        if not scope.get("root_path") and not scope["path"].startswith(self._beginning):
            return Match.NONE, {}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, from the cache if it knows the answer."""
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)  # raises
            return
        state, scopes = request_state(scope), self.call.scopes
        state.body.check_length(is_public=False)
        known = None
        if self.is_limited:
            gate = scope["app"].state.request_gate
            known = await gate.admit(scope, scopes, self.limit, is_cached=self.is_cached)
        request = Request(scope, receive)
        if known is not None:
            response = self._from_cache(request, RepresentationResponse(known), b"hit")
        else:
            if not self.takes_preconditions:
                refuse(state.preconditions)
            if scopes is None:
                state.body.check_length(is_public=True)
            response = await self.answer(request)
        if self.is_read:
            response = conditional(response, state.preconditions)
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """The answer to a request that was let in."""
        raw = request.scope["query_string"]
        query = parse_query(raw, self.call.query_parameters) if raw else {}
        given: dict[str, Any] = {"path": request.scope["path_params"], "query": query}
        content = b""
        if self.call.takes_body:
            content, body = await read_body(request, self.media_types)
            given |= body
        arguments = self.call.arguments(given)
        if self.is_read:
            return await self._read(request, query, arguments)
        return await self._write(request, content, arguments)

    def location(self, request: Request, row: JsonRow) -> str:
        """Where a new row is."""
        return f"{request.scope['path']}/{row.id}"

    async def _read(
        self, request: Request, query: QueryValues, arguments: dict[str, Any]
    ) -> Response:
        result = await self.call(request, arguments)
        if isinstance(result, JsonPage) and sum(map(len, result.items)) > _LARGE_PAGE:
            # To have read it has taken some milliseconds, and so does what follows.
            await asyncio.sleep(0)
        response = self._response(request, result, query)
        if self.is_cached and isinstance(response, RepresentationResponse):
            slot, cache = request_state(request.scope).cache_slot, app_state(request).cache
            if slot is None or not cache.is_valid(response.representation):
                return self._from_cache(request, response, b"bypass")
            cache.keep(slot, response.representation)
            return self._from_cache(request, response, b"miss")
        return response

    def _from_cache(self, request: Request, response: Response, found: bytes) -> Response:
        """The answer to a read; what the cache had is counted and told."""
        app_state(request).metrics.requests.cache[found] += 1
        response.raw_headers.append((b"x-cache", found))
        return response

    async def _write(self, request: Request, content: bytes, arguments: dict[str, Any]) -> Response:
        app, state = app_state(request), request_state(request.scope)
        claim = None
        if self.takes_idempotency_key:
            claim = app.idempotency.claim(request, principal(request), content)
        try:
            for tries in range(1, _TRIES):
                with suppress(LocksContended):
                    return await self._run(request, arguments, claim)
                # The others have to be done before it is worth while.
                await asyncio.sleep(random.uniform(0, _PAUSE * 2**tries))  # noqa: S311
            return await self._run(request, arguments, claim)
        except (NotFound, Conflict, VersionConflict):
            # This tells of what others did, of which the cache may not be told yet.
            if state.user_id is not None:
                await app.cache.invalidate([state.user_id])
            raise

    async def _run(self, request: Request, arguments: dict[str, Any], claim: Any) -> Response:
        """The answer to a write, in one unit of work."""
        app, state = app_state(request), request_state(request.scope)
        async with app.database.unit_of_work(
            partial(app.idempotency.begin, claim) if claim else None,
            account=state.user_id,
            holder=holder(request),
        ) as state.unit_of_work:
            try:
                response = self._response(request, await self.call(request, arguments), {})
                if claim is not None:
                    await keep(claim, state.unit_of_work, response)
            except Replay as replay:
                # The unit of work ends well: whom the first one affected, read nothing older.
                return replay.response
        return response

    def _response(self, request: Request, result: Any, query: QueryValues) -> Response:
        """What an endpoint answers with, by the route's status if that is not another."""
        match result:
            case JsonRow():
                response = RepresentationResponse(represent_row(result), self.status_code or 200)
                if self.status_code == 201:
                    location = self.location(request, result).encode()
                    response.raw_headers.append((b"location", location))
                return response
            case JsonPage():
                return RepresentationResponse(represent_page(result, request.scope["path"], query))
            case Schema():
                return SchemaResponse(result, self.status_code or 200)
            case Response():
                return result
        return Response(status_code=self.status_code or 204)


class CachedRoute(Route):
    """One whose reads the cache may answer: who sees what was written is told of each write."""

    is_cached = True


def router(prefix: str, tag: str, *, cached: bool = False) -> APIRouter:
    """A feature's router."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=CachedRoute if cached else Route)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What a feature brings to the app.

    Its routes and their tag in the OpenAPI document, the scopes and limits that it declares, and
    where tokens are to be had, if here.
    """

    tag: str
    description: str
    routers: tuple[APIRouter, ...]
    scopes: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[LimitPolicy, ...] = ()
    token_url: str | None = None


def limited(limit: LimitPolicy) -> Callable[[F], F]:
    """Mark an endpoint: each address may call it only as often as this limit says."""

    def mark(endpoint: F) -> F:
        # A function's attribute, which its type does not know.
        endpoint.limit = limit  # type: ignore[attr-defined]
        return endpoint

    return mark


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route, besides the scopes that it needs.

    `role` is the least one in the project that the request names, or `own` for what is the
    caller's, or another word that the feature has for it. `elsewhere` is the answer to a token that
    is limited to another project, where it is not the one that the role says.
    """

    role: str
    elsewhere: int | None = None


def permits(role: str, *, elsewhere: int | None = None) -> Callable[[F], F]:
    """Mark an endpoint: see `Access`. `docs/permissions.md` is made of it."""

    def mark(endpoint: F) -> F:
        # A function's attribute, which its type does not know.
        endpoint.access = Access(role, elsewhere)  # type: ignore[attr-defined]
        return endpoint

    return mark
