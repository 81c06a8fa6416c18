"""Examples in the OpenAPI document: of bodies, made of those of their parts, and of problems."""

from typing import Any

from app.core import errors
from app.web.openapi.problems import Json

_ID = "01936b7e-8f00-7000-8000-000000000000"
_BY_TYPE = {"boolean": False, "integer": 1, "string": "text"}
# Of those that are made without arguments the example is what that gives.
_PROBLEMS = {
    errors.InsufficientScope: errors.InsufficientScope(["resource:write"]),
    errors.QuotaExceeded: errors.QuotaExceeded("resources"),
    errors.RateLimited: errors.RateLimited(3),
    errors.ValidationFailed: errors.ValidationFailed.at("/title", "required", "is required"),
    errors.VersionConflict: errors.VersionConflict(4),
}


def example_of(schema: Json, schemas: dict[str, Json]) -> Any:
    """The example that a JSON Schema has, or one made of those of its parts.

    `schemas` are those that it may refer to by name.
    """
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    match schema:
        case {"examples": [example, *_]} | {"enum": [example, *_]}:
            pass
        case {"const": example} | {"default": example}:
            pass
        case {"anyOf": kinds} | {"oneOf": kinds}:
            example = None if {"type": "null"} in kinds else example_of(kinds[0], schemas)
        case {"properties": fields}:
            example = {name: example_of(field, schemas) for name, field in fields.items()}
        case {"items": item}:
            example = [example_of(item, schemas)]
        case {"type": kind}:
            example = _ID if schema.get("format") == "uuid" else _BY_TYPE[kind]
    return example


def example_problem(error: type[errors.AppError]) -> Json:
    """A problem of this kind."""
    return (_PROBLEMS.get(error) or error()).as_json(_ID)
