"""Examples for the OpenAPI document: of schemas, made of those of their parts, and of problems."""

from typing import Any

from app.core.errors import AppError, InsufficientScope, ValidationFailed, VersionConflict

_ID = "01936b7e-8f00-7000-8000-000000000000"
_BY_TYPE = {"boolean": False, "integer": 1, "number": 1.5}
_PROBLEMS = {
    InsufficientScope: InsufficientScope(["resource:write"]),
    ValidationFailed: ValidationFailed.at("/title", "required", "is required"),
    VersionConflict: VersionConflict(4),
}

Json = dict[str, Any]


def example_of(schema: Json, schemas: dict[str, Json]) -> Any:
    """The example that a JSON Schema has, or one made of those of its parts.

    `schemas` are those that it may refer to by name.
    """
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for key in ("examples", "enum"):
        if key in schema:
            return schema[key][0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    kinds = schema.get("anyOf", schema.get("oneOf"))
    if kinds is not None:
        return None if {"type": "null"} in kinds else example_of(kinds[0], schemas)
    return _of_type(schema, schemas)


def _of_type(schema: Json, schemas: dict[str, Json]) -> Any:
    match schema.get("type"):
        case "object":
            parts = schema.get("properties", {})
            return {name: example_of(part, schemas) for name, part in parts.items()}
        case "array":
            return [example_of(schema["items"], schemas)]
        case "string":
            return _ID if schema.get("format") == "uuid" else "text"
        case kind:
            return _BY_TYPE.get(str(kind))


def example_problem(error: type[AppError]) -> Json:
    """A problem of this kind."""
    example = _PROBLEMS.get(error)
    if example is None:
        try:
            example = error()
        except TypeError:  # it asks for what only a real one can tell
            example = error.__new__(error)
            AppError.__init__(example)
    return example.as_json(_ID)
