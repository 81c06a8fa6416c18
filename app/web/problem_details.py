"""From errors to answers: problem details (RFC 9457), and nothing of what was sent or failed."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import orjson
from fastapi import Response
from fastapi.exceptions import RequestValidationError
from pydantic_core.core_schema import ErrorType
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import Scope

from app.core import errors
from app.core.errors import AppError, FieldError, pointer
from app.core.schemas import UNION_TAG
from app.web.request_gate import request_state

logger = logging.getLogger(__name__)

# Enough to correct a form by; a body of a thousand wrong fields gets no answer larger than itself.
_MAX_ERRORS = 100
_PYDANTICS_OWN = frozenset(get_args(ErrorType))


def problem(error: AppError, request_id: str) -> Response:
    """The answer that tells a client of an error."""
    return Response(
        orjson.dumps(error.as_json(request_id)),
        error.status,
        {"Cache-Control": "no-store", **error.headers},
        media_type=error.media_type,
    )


def as_app_error(error: Exception, scope: Scope) -> AppError:
    """What a client is told of an exception; one that is our fault is logged."""
    if isinstance(error, AppError):
        if error.status >= 500:
            cause = error.__cause__
            logger.error("%s: %s", error.code, type(cause).__name__ if cause else error.detail)
        return error
    if isinstance(error, RequestValidationError):
        found = field_errors(error.errors()[:_MAX_ERRORS])
        return errors.ValidationFailed(errors=tuple(found))
    # What Starlette raises itself: an unknown path, a method it does not know.
    match error:
        case HTTPException(status_code=404):
            return errors.RouteNotFound()
        case HTTPException(status_code=405):
            return errors.MethodNotAllowed(headers={"Allow": ", ".join(_allowed_methods(scope))})
    logger.error("unhandled error in request %s", request_state(scope).request_id, exc_info=error)
    return errors.InternalError()


def _allowed_methods(scope: Scope) -> list[str]:
    """The methods of all routes at this path: the error knows those of one route only."""
    methods: set[str] = set()
    for route in scope["app"].routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    if "GET" in methods or not methods:  # mounted files name none
        methods |= {"GET", "HEAD"}
    return sorted(methods)


# Pydantic's error types that our schemas meet, as codes that never change, and messages that do not
# repeat the input.
_OTHER = "other"
FIELD_CODES = {
    _OTHER: ("invalid", "is not valid"),
    "missing": ("required", "is required"),
    "extra_forbidden": ("unknown_field", "is not known here"),
    "string_type": ("wrong_type", "must be a string"),
    "bool_type": ("wrong_type", "must be a boolean"),
    "int_type": ("wrong_type", "must be an integer"),
    "list_type": ("wrong_type", "must be a list"),
    "model_type": ("wrong_type", "must be an object"),
    "string_too_short": ("too_short", "must have at least {min_length} characters"),
    "string_too_long": ("too_long", "must have at most {max_length} characters"),
    "too_long": ("too_long", "must have at most {max_length} items"),
    "string_pattern_mismatch": ("invalid_format", "does not have the expected form"),
    "greater_than_equal": ("out_of_range", "must be at least {ge}"),
    "less_than_equal": ("out_of_range", "must be at most {le}"),
    "literal_error": ("not_allowed", "must be one of {expected}"),
    "uuid_parsing": ("invalid_id", "must be a UUID"),
    "uuid_type": ("invalid_id", "must be a UUID"),
    "uuid_version": ("invalid_id", "must be a UUIDv7"),
}


def field_errors(found: Sequence[Any]) -> Iterable[FieldError]:
    """Pydantic's errors as ours: a stable code, a JSON Pointer, no value."""
    for error in found:
        location, *path = error["loc"]
        context = error.get("ctx", {})
        kind = error["type"]
        if kind in _PYDANTICS_OWN:
            code, template = FIELD_CODES.get(kind, FIELD_CODES[_OTHER])
            message = template.format_map(context)
        else:
            # Our own `PydanticCustomError`s: their texts are written here and hold no input.
            code, message = kind, error["msg"]
        # Without the tags by which Pydantic tells the members of a union apart.
        names = (name for name in map(str, path) if not name.startswith(UNION_TAG))
        yield FieldError(pointer(names), code, message, location)
