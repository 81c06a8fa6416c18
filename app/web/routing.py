"""What all routes share: FastAPI declares and documents them, and this class answers for them.

1. The request gate lets a request in, or answers it from the cache; nothing of its body is read
   until then. Preconditions are refused where there is nothing to compare them with.
2. Parameters, content type and JSON are read strictly.
3. A write runs in one unit of work, which is committed before the answer leaves.
4. A row or a page becomes the answer, with its `ETag`, `Location` and `Link`, or a 304. What was
   read is cached, and what was written under an `Idempotency-Key` is kept with it.
"""

import functools
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from app.core.errors import Conflict, NotFound, PreconditionFailed
from app.core.schemas import JsonPage, JsonRow, Schema
from app.redis.rate_limits import LimitPolicy
from app.web.body_buffering import PUBLIC_BODY_BYTES
from app.web.dependencies import app_state, expected_version, holder
from app.web.endpoint import Endpoint, Pairs, UnsupportedRoute, parse_query
from app.web.idempotency import Replay
from app.web.json_body import NO_BODY, ReadBody, read_body
from app.web.preconditions import Preconditions
from app.web.request_gate import AccessPolicy, request_state
from app.web.responses import (
    RepresentationResponse,
    SchemaResponse,
    etag_of,
    if_changed,
    represent_page,
    represent_row,
)

F = TypeVar("F", bound=Callable[..., Any])


class Route(APIRoute):
    """A route of Tickbox; every router is made by `router()`, and so has it."""

    call: Endpoint
    media_types: tuple[str, ...] = ("application/json",)
    # Whether it tells what is wrong with the input by the problems that all routes have for it.
    has_input_problems = True
    is_cached = False

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Ours in place of FastAPI's. Raises `UnsupportedRoute`."""
        if self.dependencies or hasattr(self, "call"):
            # FastAPI asks again for a route that another router includes.
            raise UnsupportedRoute("dependencies of routers and of include_router are not solved")
        self.call = Endpoint(self.endpoint, self.param_convertors)
        if "PATCH" in (self.methods or ()):
            self.media_types = ("application/merge-patch+json", *self.media_types)
        return self.answer

    @functools.cached_property
    def access_policy(self) -> AccessPolicy:
        """On what a request is let in."""
        return AccessPolicy(
            scopes=self.call.scopes,
            is_limited=self.path.startswith("/v1/"),
            limit=getattr(self.endpoint, "limit", None),
            cached=self.is_cached and self.is_read,
        )

    @functools.cached_property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return "GET" in (self.methods or ())

    @property
    def answers_with_rows(self) -> bool:
        """Whether it answers with a row or a page, which have an `ETag`."""
        return self.call.returns in (JsonRow, JsonPage)

    @functools.cached_property
    def takes_preconditions(self) -> bool:
        """Whether there is something to compare: what it reads, or the row that it writes."""
        return self.is_read or self.call.asks_for(expected_version)

    @property
    def takes_idempotency_key(self) -> bool:
        """Whether a request may be sent again under its key: it writes, for somebody known."""
        return self.call.scopes is not None and not self.is_read

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, answered at once where the cache knows how."""
        if self.methods is not None and scope["method"] not in self.methods:
            await super().handle(scope, receive, send)
            return
        cached = None
        policy = self.access_policy
        if policy.scopes is not None or policy.is_limited:
            cached = await scope["app"].state.request_gate.admit(scope, policy)
        state = request_state(scope)
        preconditions = state.preconditions = Preconditions.of(scope)
        if cached is not None:
            hit = RepresentationResponse(cached, 200, (b"x-cache", b"hit"))
            response = if_changed(hit, cached.etag, preconditions)
        else:
            if not self.takes_preconditions:
                preconditions.refuse()
            if policy.scopes is None:
                state.body.restrict(PUBLIC_BODY_BYTES)
            response = await self.answer(Request(scope, receive))
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """The answer to a request that was let in."""
        raw = request.scope["query_string"]
        query = parse_query(raw, self.call.query_parameters) if raw else []
        body = await read_body(request, self.media_types) if self.call.takes_body else NO_BODY
        if self.is_read:
            return await self._read(request, query)
        return await self._write(request, query, body)

    def location(self, request: Request, row: JsonRow) -> str:
        """Where a new row is."""
        return f"{request.scope['path']}/{row.id}"

    async def _read(self, request: Request, query: Pairs) -> Response:
        scope = request.scope
        preconditions = request_state(scope).preconditions
        arguments = self.call.arguments(scope["path_params"], query, None)
        result = await self.call(request, arguments)
        if isinstance(result, JsonRow):
            representation = represent_row(result)
        elif isinstance(result, JsonPage):
            representation = represent_page(result, scope["path"], query)
        else:
            response = _response(result, self.status_code)
            if response.status_code >= 300:
                return response
            if not hasattr(response, "body"):  # a stream, which is made while it leaves
                preconditions.refuse()
                return response
            etag = etag_of(response.body)
            response.raw_headers.append((b"etag", etag))
            return if_changed(response, etag, preconditions)
        headers = []
        if self.is_cached:
            slot = request_state(scope).cache_slot
            if slot is None or (isinstance(result, JsonPage) and result.depends_on_time):
                headers = [(b"x-cache", b"bypass")]
            else:
                headers = [(b"x-cache", b"miss")]
                app_state(request).cache.keep(slot, representation)
        response = RepresentationResponse(representation, 200, *headers)
        return if_changed(response, representation.etag, preconditions)

    async def _write(self, request: Request, query: Pairs, body: ReadBody) -> Response:
        app = app_state(request)
        state = request_state(request.scope)
        user_id = None if state.principal is None else state.principal.user_id
        claim = None
        if self.takes_idempotency_key and state.principal is not None:
            claim = await app.idempotency.claim(request, state.principal, body.content)
        arguments = self.call.arguments(request.scope["path_params"], query, body.value)
        try:
            async with app.database.unit_of_work(
                None if claim is None else claim.begin, account=user_id, holder=holder(request)
            ) as state.unit_of_work:
                try:
                    response = self._written(request, await self.call(request, arguments))
                except Replay as replay:
                    # Its end tells whom the first one affected: they read nothing older.
                    return replay.response()
                if claim is not None:
                    await claim.keep(response)
        except (NotFound, Conflict, PreconditionFailed):
            # It tells of what others did, perhaps before they are told themselves.
            if self.takes_idempotency_key and user_id is not None:
                await app.cache.invalidate([user_id])
            raise
        return response

    def _written(self, request: Request, result: Any) -> Response:
        if not isinstance(result, JsonRow):
            return _response(result, self.status_code)
        if self.status_code != 201:
            return RepresentationResponse(represent_row(result))
        location = (b"location", self.location(request, result).encode())
        return RepresentationResponse(represent_row(result), 201, location)


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


def _response(result: Any, status: int | None) -> Response:
    """What an endpoint answers with that is no row and no page, by the route's status if any."""
    if isinstance(result, Response):
        return result
    if isinstance(result, Schema):
        return SchemaResponse(result, status or 200)
    assert result is None
    return Response(status_code=status or 204)
