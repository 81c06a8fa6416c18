"""Headers in the OpenAPI document: those that requests may have, and those that answers have."""

from typing import get_args

from app.core.schemas import JsonPage, JsonRow
from app.web.openapi.problems import Json
from app.web.routing import Route

REQUEST_HEADERS: dict[str, Json] = {
    "If-None-Match": {
        "description": "An `ETag`: if it is still that, the answer is 304 and has no body.",
        "schema": {"type": "string", "examples": ['"3"']},
    },
    "If-Match": {
        "description": "The `ETag` that you read: if it is another by now, nothing is changed and "
        "the answer is 412.",
        "schema": {"type": "string", "examples": ['"3"']},
    },
    "Idempotency-Key": {
        "description": "Up to 255 printable ASCII characters, new for each request: sent again "
        "under the same one within 24 hours, it is not done again, and the answer is the same.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "examples": ["8e03978e-40d5-43e8-bc93-6894a57f9324"],
        },
    },
}
HEADERS = {
    "X-Request-Id": "The request's id: yours, if you sent a sane one.",
    "ETag": "The version, for `If-Match` and `If-None-Match`.",
    "Location": "Where it is.",
    "Link": 'The next page, as `rel="next"`.',
    "WWW-Authenticate": "What is wrong with the access token (RFC 6750).",
    "Retry-After": "Seconds to wait before you try again.",
    "Accept": "The content types that are supported here.",
    "RateLimit-Policy": "The limits that count here, each with its quota `q` and window `w` in "
    "seconds.",
    "RateLimit": "What is left: `r` requests now, and in `t` seconds the whole quota.",
    "X-Cache": "`hit`: from the cache; `miss`: not yet in it; `bypass`: not for it, or it is away.",
    "Idempotency-Replayed": "`true`: the answer to the first request under this key, once more.",
}


def request_headers(route: Route) -> list[Json]:
    """The parameters that are headers."""
    takes = {
        "If-None-Match": route.is_read,
        "If-Match": route.takes_preconditions and not route.is_read,
        "Idempotency-Key": route.takes_idempotency_key,
    }
    return [
        {"name": name, "in": "header", "required": False, **REQUEST_HEADERS[name]}
        for name, is_taken in takes.items()
        if is_taken
    ]


def response_headers(route: Route, status: str) -> Json:
    """The headers of an answer with this status."""
    is_good, is_known = status < "400", route.call.scopes is not None
    returns = {route.call.returns, *get_args(route.call.returns)}
    has = {
        "X-Request-Id": True,
        "ETag": (is_good and (route.is_read or JsonRow in returns)) or status == "412",
        "Link": is_good and route.call.returns is JsonPage,
        "X-Cache": is_good and route.is_cached,
        "Location": status == "201",
        "Idempotency-Replayed": status < "300" and route.takes_idempotency_key,
        "WWW-Authenticate": status in {"401", "403"} or (status == "400" and is_known),
        "Accept": status == "415",
        "Retry-After": status in {"429", "503"},
        "RateLimit-Policy": route.is_limited,
        "RateLimit": route.is_limited,
    }
    return {name: {"$ref": f"#/components/headers/{name}"} for name in has if has[name]}
