"""What all routes share, once: FastAPI's own extension point, an `APIRoute` subclass.

Before FastAPI sees a request, `admission` lets it in, or answers it from the cache. Before the
dependencies are solved, input is read strictly (parameters, content type, JSON). After the
endpoint, and before the commit, a `Stored` row or a `Listed` page becomes the answer, with its
`ETag`, `Location` and `Link`, or a 304; what was read is cached, and what was written under an
`Idempotency-Key` is kept with it.
"""

import functools
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from hashlib import blake2b
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from app.core.admission import Terms
from app.core.authentication import bearer
from app.core.body import read_body
from app.core.cache import Page
from app.core.idempotency import Replay
from app.core.query import known_parameters, parse_query
from app.core.schemas import Listed, Stored

# A shared cache may keep nothing, a private one asks each time: what is seen depends on who asks.
_PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_RAW_PRIVATE = [(name.lower().encode(), value.encode()) for name, value in _PRIVATE.items()]
_JSON = (b"content-type", b"application/json")
_HIT = (b"x-cache", b"hit")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
F = TypeVar("F", bound=Callable[..., Any])


class Route(APIRoute):
    """A route of Tickbox; every router is made by `router()`, and so has it."""

    media_types: tuple[str, ...] = ("application/json",)
    is_cached = False

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _answering(endpoint), **options)

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
            await _send_page(page, scope, send)

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, between strict input and a conditional answer."""
        handle = super().get_route_handler()
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
            query = request.scope["query_string"]
            if query:
                # So that Starlette does not parse it again.
                request._query_params = parse_query(query, known)
            if takes_body:
                request = await read_body(request, types)
            if is_read:
                response = await handle(request)
                return _read(request, response, is_cached=is_cached)
            return await _write(request, handle, created=created, takes_key=takes_key)

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


class StoredResponse(Response):
    """A row: its JSON, and its version as the `ETag`."""

    media_type = "application/json"
    depends_on_time = False

    def __init__(self, stored: Stored) -> None:
        super().__init__(stored.body, headers={"ETag": f'"{stored.version}"', **_PRIVATE})
        self.stored = stored


class ListedResponse(Response):
    """A page, with a hash of it as the `ETag`."""

    media_type = "application/json"

    def __init__(self, listed: Listed) -> None:
        cursor = orjson.dumps(listed.next_cursor).decode()
        total = "" if listed.total is None else f',"total":{listed.total}'
        items = ",".join(listed.items)
        body = f'{{"items":[{items}],"next_cursor":{cursor}{total}}}'.encode()
        etag = blake2b(body, digest_size=12).hexdigest()
        super().__init__(body, headers={"ETag": f'"{etag}"', **_PRIVATE})
        self.listed = listed
        self.depends_on_time = listed.depends_on_time


def _read(request: Request, response: Response, *, is_cached: bool) -> Response:
    """The answer to a read, as it leaves; one that the cache may give again is kept."""
    if isinstance(response, ListedResponse):
        _link_next(request, response)
    if is_cached and isinstance(response, StoredResponse | ListedResponse):
        slot = request.scope["state"].get("slot")
        if slot is None or response.depends_on_time:
            response.headers["X-Cache"] = "bypass"
        else:
            response.headers["X-Cache"] = "miss"
            request.app.state.cache.keep(slot, _page_of(response))
    etag = response.headers.get("etag")
    if etag is not None and _is_unchanged(request.scope, etag.encode()):
        names = ("etag", "cache-control", "vary", "link", "x-cache")
        headers = {name: response.headers[name] for name in names if name in response.headers}
        return Response(status_code=304, headers=headers)
    return response


def _page_of(response: Response) -> Page:
    headers = response.headers
    return Page(headers["etag"].encode(), headers.get("link", "").encode(), bytes(response.body))


async def _send_page(page: Page, scope: Scope, send: Send) -> None:
    """A read that the cache answers, as `_read` would."""
    headers = [(b"etag", page.etag), *_RAW_PRIVATE, _HIT]
    if page.link:
        headers.append((b"link", page.link))
    status, body = 200, page.body
    if _is_unchanged(scope, page.etag):
        status, body = 304, b""
    else:
        headers += [_JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _write(request: Request, handle: Handler, *, created: bool, takes_key: bool) -> Response:
    """The answer to a write, kept under its `Idempotency-Key` if it has one."""
    state = request.scope["state"]
    if takes_key:
        idempotency = request.app.state.idempotency
        state["claim"] = await idempotency.claim(request, state["principal"])
    try:
        response = await handle(request)
    except Replay as replay:
        return replay.response()
    if created and isinstance(response, StoredResponse):
        response.status_code = 201
        response.headers["Location"] = f"{request.scope['path']}/{response.stored.id}"
    if state.get("claim") is not None:
        await state["claim"].keep(response)
    return response


def _link_next(request: Request, response: ListedResponse) -> None:
    """RFC 8288."""
    cursor = response.listed.next_cursor
    if cursor is not None:
        others = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
        query = urlencode([*others, ("cursor", cursor)])
        response.headers["Link"] = f'<{request.scope["path"]}?{query}>; rel="next"'


def _is_unchanged(scope: Scope, etag: bytes) -> bool:
    """RFC 9110, section 13.1.2: the weak comparison with `If-None-Match`."""
    wanted = [value for name, value in scope["headers"] if name == b"if-none-match"]
    if not wanted:
        return False
    tags = {tag.strip().removeprefix(b"W/") for tag in b",".join(wanted).split(b",")}
    return b"*" in tags or etag in tags
