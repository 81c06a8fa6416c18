"""What all routes share, once: FastAPI's own extension point, an `APIRoute` subclass.

Before the dependencies are solved, input is read strictly (parameters, content type, JSON).
After the endpoint, and before the commit, a `Stored` row or a `Listed` page becomes the answer,
with its `ETag`, `Location` and `Link`, or a 304.
"""

import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from hashlib import blake2b
from typing import Any, get_origin
from urllib.parse import parse_qsl, urlencode

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import ParamTypes
from fastapi.routing import APIRoute

from app.core.body import parse_json
from app.core.errors import (
    FieldError,
    MalformedRequest,
    UnsupportedMediaType,
    ValidationFailed,
    pointer,
)
from app.core.schemas import Listed, Stored

# A shared cache may keep nothing, a private one asks each time: what is seen depends on who asks.
_PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_MAX_QUERY_FIELDS = 200

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRequest(Request):
    """A request whose body was read and parsed already."""

    parsed: Any = None

    async def json(self) -> Any:
        """The body's value, as `parse_json` made it."""
        return self.parsed


class Route(APIRoute):
    """A route of Tickbox; every router is made by `router()`, and so has it."""

    media_types: tuple[str, ...] = ("application/json",)

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _answering(endpoint), **options)

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, between strict input and a conditional answer."""
        handle = super().get_route_handler()
        known = _query_parameters(self)
        types = self.media_types
        methods = self.methods or set()
        if "PATCH" in methods:
            types = ("application/merge-patch+json", *types)
        takes_body = self.body_field is not None
        is_read = "GET" in methods
        created = self.status_code == 201

        async def strict(request: Request) -> Response:
            query = request.scope["query_string"]
            if query:
                _check_query(query, known)
            if takes_body:
                request = await _read_body(request, types)
            response = await handle(request)
            if created and isinstance(response, StoredResponse):
                response.status_code = 201
                response.headers["Location"] = f"{request.scope['path']}/{response.stored.id}"
            elif is_read:
                if isinstance(response, ListedResponse):
                    _link_next(request, response)
                if _is_unchanged(request, response):
                    return _not_modified(response)
            return response

        return strict


def router(prefix: str, tag: str) -> APIRouter:
    """A feature's router."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=Route)


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


def _query_parameters(route: APIRoute) -> Mapping[str, bool]:
    """The names that a route's query may have, and whether each may be repeated."""
    return {
        field.alias: _is_list(field.field_info.annotation)
        for field in get_flat_params(route.dependant)
        if getattr(field.field_info, "in_", ParamTypes.query) is ParamTypes.query
    }


def _is_list(annotation: Any) -> bool:
    return any(
        get_origin(part) is list for part in (annotation, *getattr(annotation, "__args__", ()))
    )


def _check_query(raw: bytes, known: Mapping[str, bool]) -> None:
    """Refuse what would be ignored or read wrongly: unknown names, repetitions, broken UTF-8."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_QUERY_FIELDS,
        )
    except UnicodeError:
        raise ValidationFailed(
            errors=(FieldError("", "invalid_text", "is not percent-encoded UTF-8", "query"),)
        ) from None
    except ValueError:
        raise ValidationFailed(
            errors=(FieldError("", "too_long", "has too many parameters", "query"),)
        ) from None
    errors: list[FieldError] = []
    seen: set[str] = set()
    for name, _ in pairs:
        if name not in known:
            errors.append(
                FieldError(pointer([name]), "unknown_parameter", "is not known here", "query")
            )
        elif name in seen and not known[name]:
            errors.append(
                FieldError(f"/{name}", "repeated", "must not be given more than once", "query")
            )
        seen.add(name)
    if errors:
        raise ValidationFailed(errors=tuple(errors))


async def _read_body(request: Request, media_types: tuple[str, ...]) -> Request:
    body = await request.body()
    if not body:
        return request
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType(
            "Send the body without a content coding.", headers={"Accept-Encoding": "identity"}
        )
    if len(request.headers.getlist("content-type")) > 1:
        raise MalformedRequest("The Content-Type header was sent more than once.")
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.replace('"', "").strip().lower()
    if media_type.strip().lower() not in media_types or charset not in (
        "",
        "charset=utf-8",
    ):
        raise UnsupportedMediaType(
            f"Send {' or '.join(media_types)}.",
            headers={"Accept": ", ".join(media_types)},
        )
    if not media_type.strip().lower().endswith("json"):
        return request
    strict = StrictRequest(request.scope, request.receive)
    strict._body = body
    strict.parsed = parse_json(body)
    return strict


def _link_next(request: Request, response: ListedResponse) -> None:
    """RFC 8288."""
    cursor = response.listed.next_cursor
    if cursor is not None:
        others = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
        query = urlencode([*others, ("cursor", cursor)])
        response.headers["Link"] = f'<{request.scope["path"]}?{query}>; rel="next"'


def _is_unchanged(request: Request, response: Response) -> bool:
    """RFC 9110, section 13.1.2: the weak comparison with `If-None-Match`."""
    wanted = request.headers.getlist("if-none-match")
    etag = response.headers.get("etag")
    if not wanted or etag is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in ",".join(wanted).split(",")}
    return "*" in tags or etag in tags


def _not_modified(response: Response) -> Response:
    names = ("etag", "cache-control", "vary", "link")
    headers = {name: response.headers[name] for name in names if name in response.headers}
    return Response(status_code=304, headers=headers)
