"""What all routes share, once: FastAPI's own extension point, an `APIRoute` subclass.

Before FastAPI sees a request, `admission` lets it in, or answers it from the cache; nothing of its
body is read until then. Its preconditions are for the statement that writes a row, or for a read's
answer; where there is nothing to compare they are refused. Before the dependencies are solved (by
`solving`, where that knows how), input is read strictly: parameters, content type, JSON. After the
endpoint, and before the commit, a `JsonRow` row or a `JsonPage` page becomes the answer, with its
`ETag`, `Location` and `Link`, or a 304; what was read is cached, and what was written under an
`Idempotency-Key` is kept with it.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.errors import Conflict, NotFound, PreconditionFailed
from app.core.schemas import JsonPage, JsonRow
from app.redis.rate_limits import LimitPolicy
from app.web.bearer import bearer
from app.web.body_buffering import PUBLIC_BODY_BYTES
from app.web.dependencies import app_state, expected_version
from app.web.idempotency import Replay
from app.web.json_body import StrictRequest, read_body
from app.web.preconditions import Preconditions
from app.web.query_string import known_parameters, parse_query
from app.web.request_gate import AccessPolicy
from app.web.request_state import request_state
from app.web.responses import (
    ListedResponse,
    Representation,
    StoredResponse,
    etag_of,
    send_page,
    unchanged,
)
from app.web.solving import Plan, Unplanned

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
StrictHandler = Callable[[StrictRequest], Coroutine[Any, Any, Response]]
F = TypeVar("F", bound=Callable[..., Any])


class Route(APIRoute):
    """A route of Tickbox; every router is made by `router()`, and so has it."""

    media_types: tuple[str, ...] = ("application/json",)
    # Whether it tells what is wrong with the input by the problems that all routes have for it.
    has_input_problems = True
    is_cached = False

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _answering(endpoint), **options)
        try:
            plan = Plan(self)
        except Unplanned:
            return
        self.app = _planned(self.around(plan), has_contexts=plan.has_contexts)

    @functools.cached_property
    def access_policy(self) -> AccessPolicy:
        """On what a request is let in."""
        scopes = list(_scopes(self.dependant))
        return AccessPolicy(
            scopes=frozenset[str]().union(*scopes) if scopes else None,
            is_limited=self.path.startswith("/v1/"),
            limit=getattr(self.endpoint, "limit", None),
            cached=self.is_cached and self.is_read,
        )

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return "GET" in (self.methods or ())

    @property
    def answers_with_rows(self) -> bool:
        """Whether it answers with a row or a page, which have an `ETag`."""
        hints = get_type_hints(inspect.unwrap(self.endpoint))
        return hints.get("return") in (JsonRow, JsonPage)

    @functools.cached_property
    def takes_preconditions(self) -> bool:
        """Whether there is something to compare: what it reads, or the row that it writes."""
        return self.is_read or any(part.call is expected_version for part in _parts(self.dependant))

    @property
    def takes_idempotency_key(self) -> bool:
        """Whether a request may be sent again under its key: it writes, for somebody known."""
        return self.access_policy.scopes is not None and not self.is_read

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, answered at once where the cache knows how."""
        if self.methods is not None and scope["method"] not in self.methods:
            await super().handle(scope, receive, send)
            return
        page = None
        policy = self.access_policy
        if policy.scopes is not None or policy.is_limited:
            page = await scope["app"].state.request_gate.admit(scope, policy)
        state = request_state(scope)
        preconditions = state.preconditions = Preconditions.of(scope)
        if page is not None:
            await send_page(page, is_unchanged=preconditions.is_unchanged(page.etag), send=send)
            return
        if not self.takes_preconditions:
            preconditions.refuse()
        if policy.scopes is None:
            state.body.restrict(PUBLIC_BODY_BYTES)
        await super().handle(scope, receive, send)

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
        is_read = self.is_read
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


def _scopes(dependant: Dependant) -> Iterator[list[str]]:
    """The scopes with which each part of an endpoint asks for the principal."""
    for part in _parts(dependant):
        if part.call is bearer:
            yield [*(part.parent_oauth_scopes or ()), *(part.own_oauth_scopes or ())]


def _parts(dependant: Dependant) -> Iterator[Dependant]:
    """All that it depends on."""
    for part in dependant.dependencies:
        yield part
        yield from _parts(part)


def _answering(
    endpoint: Callable[..., Awaitable[Any]],
) -> Callable[..., Awaitable[Any]]:
    """The endpoint, with what it returns made into a response where that is a row or a page."""

    @functools.wraps(endpoint)
    async def answering(*args: Any, **kwargs: Any) -> Any:
        result = await endpoint(*args, **kwargs)
        if isinstance(result, JsonRow):
            return StoredResponse(result)
        if isinstance(result, JsonPage):
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
    state = request_state(request.scope)
    preconditions = state.preconditions
    if response.status_code >= 300:
        return response
    if not hasattr(response, "body"):  # it is made while it leaves
        preconditions.refuse()
        return response
    if isinstance(response, Representation):
        etag = response.etag
        if isinstance(response, ListedResponse):
            response.link_next(request)
        if is_cached:
            slot = state.cache_slot
            if slot is None or response.depends_on_time:
                response.raw_headers.append((b"x-cache", b"bypass"))
            else:
                response.raw_headers.append((b"x-cache", b"miss"))
                app_state(request).cache.keep(slot, response.page())
    else:
        etag = etag_of(bytes(response.body)).encode()
        response.raw_headers.append((b"etag", etag))
    return unchanged(response) if preconditions.is_unchanged(etag) else response


async def _write(
    request: StrictRequest, handle: StrictHandler, *, created: bool, takes_key: bool
) -> Response:
    """The answer to a write, kept under its `Idempotency-Key` if it has one."""
    state = request_state(request.scope)
    principal = state.principal
    if takes_key and principal is not None:
        state.claim = await app_state(request).idempotency.claim(request, principal)
    try:
        response = await handle(request)
    except Replay as replay:
        return replay.response()
    except (NotFound, Conflict, PreconditionFailed):
        # It tells of what others did, perhaps before they are told themselves.
        if takes_key and principal is not None:
            await app_state(request).cache.outdate([principal.user_id])
        raise
    if created and isinstance(response, StoredResponse):
        response.status_code = 201
        location = f"{request.scope['path']}/{response.stored.id}"
        response.raw_headers.append((b"location", location.encode()))
    if state.claim is not None:
        await state.claim.keep(response)
    return response
