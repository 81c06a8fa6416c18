"""Headers in the OpenAPI document: those of requests, and those of answers."""

from http import HTTPStatus

from app.web.openapi.problems import PROBLEM_JSON, Json
from app.web.routing import Route

_UNDESCRIBED = "Successful Response"  # FastAPI's words for it
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
_LIMITS = ["RateLimit-Policy", "RateLimit"]
_HEADERS_OF_STATUS = {
    "200": ["ETag"],
    "201": ["ETag", "Location"],
    "304": ["ETag"],
    "401": ["WWW-Authenticate"],
    "403": ["WWW-Authenticate"],
    "412": ["ETag"],
    "415": ["Accept"],
    "429": ["Retry-After"],
    "503": ["Retry-After"],
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` that you read: if it is another by now, nothing is changed and the "
    "answer is 412.",
    "schema": {"type": "string", "examples": ['"3"']},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "An `ETag`: if it is still that, the answer is 304 and has no body.",
    "schema": {"type": "string", "examples": ['"3"']},
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Up to 255 printable ASCII characters, new for each request: sent again under "
    "the same one within 24 hours, it is not done again, and the answer is the same.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "examples": ["8e03978e-40d5-43e8-bc93-6894a57f9324"],
    },
}


def add_headers(operation: Json, route: Route, *, has_etag: bool) -> None:
    """Say which headers each of its answers has."""
    for status, response in operation["responses"].items():
        if response["description"] == _UNDESCRIBED:
            response["description"] = HTTPStatus(int(status)).phrase
        is_problem = PROBLEM_JSON in response.get("content", {})
        names = _HEADERS_OF_STATUS.get(status, []) if has_etag or is_problem else []
        if status in ("200", "304") and operation["operationId"].startswith("list_"):
            names = [*names, "Link"]
        if status in ("200", "304") and route.access_policy.cached:
            names = [*names, "X-Cache"]
        if status.startswith("2") and route.takes_idempotency_key:
            names = [*names, "Idempotency-Replayed"]
        if status == "400" and operation["security"]:
            names = ["WWW-Authenticate"]
        if route.access_policy.is_limited:
            names = [*names, *_LIMITS]
        response["headers"] = {
            name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)
        }
