"""The OpenAPI document: what FastAPI makes of the routes, and what holds for all of them."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from pydantic import TypeAdapter

from app.core.authentication import NotAuthenticated
from app.core.errors import (
    AppError,
    ContentTooLarge,
    DatabaseBusy,
    DatabaseUnavailable,
    InsufficientScope,
    InternalError,
    MalformedJson,
    MalformedRequest,
    UnsupportedMediaType,
    ValidationFailed,
)
from app.core.examples import example_of, example_problem
from app.core.idempotency import IdempotencyInProgress, IdempotencyKeyReused
from app.core.links import add_links
from app.core.problems import (
    PROBLEM_JSON,
    SCHEMA,
    FieldProblem,
    Json,
    Problem,
    codes_of,
    problems,
)
from app.core.ratelimit import RateLimited
from app.core.routing import Route
from app.core.security import InvalidToken

_UNDESCRIBED = "Successful Response"  # FastAPI's words for it
_HEADERS = {
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
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "An `ETag`: if it is still that, the answer is 304 and has no body.",
    "schema": {"type": "string", "examples": ['"3"']},
}
_IDEMPOTENCY_KEY = {
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


def install(app: FastAPI) -> None:
    """Make the app serve this document instead of FastAPI's."""

    def document() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    # FastAPI's documented way to replace it.
    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> Json:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=(app.description or "").strip(),
        tags=app.openapi_tags,
        routes=app.routes,
        servers=[{"url": "/", "description": "This server."}],
        contact={"name": "The maintainers of Tickbox"},
    )
    schemas = document["components"]["schemas"]
    for model in (Problem, FieldProblem):
        schemas[model.__name__] = TypeAdapter(model).json_schema(ref_template=SCHEMA)
        schemas[model.__name__].pop("$defs", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for name, examples in _body_examples(app):
        schemas[name]["examples"] = examples
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            field.pop("title", None)  # its name again
    codes: set[str] = set()
    routes = {
        (route.path, method.lower()): route
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation, routes[path, method])
            _add_examples(operation, schemas)
            for response in operation["responses"].values():
                codes |= (
                    response.get("content", {}).get(PROBLEM_JSON, {}).get("examples", {}).keys()
                )
    add_links(document["paths"])
    document["components"] |= {
        "schemas": dict(sorted(schemas.items())),
        "examples": {
            error.code: {"summary": error.title, "value": example_problem(error)}
            for error in sorted(AppError.registry(), key=lambda error: error.code)
            if error.code in codes
        },
        "headers": {
            name: {"description": description, "schema": {"type": "string"}}
            for name, description in _HEADERS.items()
        },
    }
    return document


def _body_examples(app: FastAPI) -> Iterator[tuple[str, list[Any]]]:
    """The examples of the bodies as they were written: FastAPI drops each `null` from them."""
    for route in iter_route_contexts(app.routes):
        body = getattr(route, "body_field", None)
        if body is not None:
            model = body.field_info.annotation
            extra = model.model_config.get("json_schema_extra", {})
            if "examples" in extra:
                yield model.__name__, extra["examples"]


def _complete(path: str, method: str, operation: Json, route: Route) -> None:
    """What every operation of its kind has: its problems, its media types, its headers."""
    summary, _, description = operation.pop("description", "").partition("\n\n")
    operation["summary"] = " ".join(summary.removesuffix(".").split())
    if description:
        operation["description"] = description
    operation.setdefault("security", [])
    for parameter in operation.get("parameters", []):
        _complete_parameter(parameter)
    responses = operation["responses"]
    # FastAPI's own form of a 422.
    responses.get("422", {}).get("content", {}).pop("application/json", None)
    if responses.get("422", {}).get("content") == {}:
        del responses["422"]
    for status, response in _problems_of(path, operation, route).items():
        _merge(responses, str(status), response)
    is_resource = path.startswith("/v1/") and not path.startswith("/v1/oauth/")
    if is_resource and method == "patch":
        body = operation["requestBody"]["content"]
        body["application/merge-patch+json"] = body["application/json"]
    if is_resource and method == "get":
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        responses["304"] = {"description": "It is as you know it."}
    if route.takes_idempotency_key:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    operation["responses"] = dict(sorted(responses.items()))
    _add_headers(operation, route, is_resource=is_resource)


def _add_headers(operation: Json, route: Route, *, is_resource: bool) -> None:
    for status, response in operation["responses"].items():
        if response["description"] == _UNDESCRIBED:
            response["description"] = HTTPStatus(int(status)).phrase
        is_problem = PROBLEM_JSON in response.get("content", {})
        names = _HEADERS_OF_STATUS.get(status, []) if is_resource or is_problem else []
        if status in ("200", "304") and operation["operationId"].startswith("list_"):
            names = [*names, "Link"]
        if status in ("200", "304") and route.terms.cached:
            names = [*names, "X-Cache"]
        if status.startswith("2") and route.takes_idempotency_key:
            names = [*names, "Idempotency-Replayed"]
        if status == "400" and operation["security"]:
            names = ["WWW-Authenticate"]
        if route.terms.is_limited:
            names = [*names, *_LIMITS]
        response["headers"] = {
            name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)
        }


def _complete_parameter(parameter: Json) -> None:
    name = parameter["name"]
    if parameter["in"] == "header":
        parameter["name"] = name.title()
    elif parameter["in"] == "path":
        parameter.setdefault("description", f"The {name.removesuffix('_id')}'s id.")
    # None is for one that was left out; there is no way to send `null`.
    schema = parameter["schema"]
    schema.pop("title", None)
    schema.pop("description", None)  # the parameter's own again
    if schema.get("default") == []:
        del schema["default"]
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema |= kinds[0]


def _problems_of(path: str, operation: Json, route: Route) -> dict[int | str, Json]:
    """What may go wrong with every operation of its kind."""
    is_oauth = path.startswith("/v1/oauth/")
    # An unknown query parameter is one of them.
    errors: list[type[AppError]] = [] if is_oauth else [ValidationFailed]
    if "requestBody" in operation:
        errors.append(ContentTooLarge)
        if not is_oauth:
            errors += [MalformedJson, UnsupportedMediaType]
    for requirement in operation["security"]:
        errors += [MalformedRequest, NotAuthenticated, InvalidToken]
        if any(requirement.values()):
            errors.append(InsufficientScope)
    if "health" not in operation["tags"]:
        errors.append(InternalError)
    if route.terms.is_limited:
        errors.append(RateLimited)
    if route.takes_idempotency_key:
        errors += [IdempotencyInProgress, IdempotencyKeyReused, MalformedRequest]
    if path.startswith("/v1/"):
        errors += [DatabaseUnavailable, DatabaseBusy]
    return problems(*errors)


def _merge(responses: Json, status: str, response: Json) -> None:
    """Add a problem's response, its examples to those that the route itself has."""
    there = responses.setdefault(status, response)
    if PROBLEM_JSON in there.get("content", {}):
        examples = there["content"][PROBLEM_JSON]["examples"]
        examples |= response["content"][PROBLEM_JSON]["examples"]
        there["description"] = codes_of(examples)
    elif there is not response:
        there.setdefault("content", {}).update(response["content"])


def _add_examples(operation: Json, schemas: dict[str, Json]) -> None:
    """An example for each body that is sent or, if all went well, comes back."""
    bodies = [operation.get("requestBody", {})]
    bodies += [body for status, body in operation["responses"].items() if status < "300"]
    for body in bodies:
        for content in body.get("content", {}).values():
            content.setdefault("example", example_of(content["schema"], schemas))
