"""The OpenAPI document: what FastAPI makes of the routes, and what holds for all of them."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from app.core.errors import (
    AppError,
    ContentTooLarge,
    DatabaseBusy,
    DatabaseUnavailable,
    InsufficientScope,
    InternalError,
    InvalidToken,
    MalformedJson,
    MalformedRequest,
    UnsupportedMediaType,
    ValidationFailed,
    VersionConflict,
)
from app.core.settings import Settings
from app.redis.rate_limits import RateLimited
from app.web.body_buffering import ServerBusy
from app.web.idempotency import IdempotencyInProgress, IdempotencyKeyReused
from app.web.openapi.examples import example_of, example_problem
from app.web.openapi.headers import (
    HEADERS,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    add_headers,
)
from app.web.openapi.links import add_links
from app.web.openapi.problems import (
    PROBLEM_JSON,
    SCHEMA,
    FieldProblem,
    Json,
    Problem,
    codes_of,
    problems,
)
from app.web.openapi.schema_names import name_schemas
from app.web.request_gate import NotAuthenticated
from app.web.routing import Feature, Route

_SECURITY_SCHEME = "OAuth2"


def install(app: FastAPI, features: Iterable[Feature]) -> None:
    """Make the app serve this document instead of FastAPI's, which it would encode each time."""

    def document() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, features)
        return app.openapi_schema

    # FastAPI's documented way to replace it.
    app.openapi = document  # type: ignore[method-assign]
    encoded: asyncio.Future[bytes] | None = None

    async def answer(_request: Request) -> Response:
        nonlocal encoded
        if encoded is None:
            # Half a second, for the first who asks; in a thread, so that nobody else waits.
            loop = asyncio.get_running_loop()
            encoded = loop.run_in_executor(None, lambda: orjson.dumps(app.openapi()))
        return Response(await asyncio.shield(encoded), media_type="application/json")

    app.add_route("/openapi.json", answer, include_in_schema=False)


def _document(app: FastAPI, features: Iterable[Feature]) -> Json:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=(app.description or "").strip(),
        tags=app.openapi_tags,
        routes=app.routes,
        servers=[{"url": _url(app.state.settings), "description": "This server."}],
        contact={"name": "The maintainers of Tickbox"},
    )
    _complete_security(document, features)
    schemas = document["components"]["schemas"]
    for model in (Problem, FieldProblem):
        shown = TypeAdapter(model).json_schema(mode="serialization", ref_template=SCHEMA)
        schemas |= shown.pop("$defs", {})
        schemas[model.__name__] = shown
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas = name_schemas(document)
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
            for name, description in HEADERS.items()
        },
    }
    return document


def _complete_security(document: Json, features: Iterable[Feature]) -> None:
    """Say which scopes the features declare, and where tokens are to be had."""
    flow: Json = {"scopes": {}}
    for feature in features:
        flow["scopes"] |= feature.scopes
        if feature.token_url is not None:
            flow |= {"tokenUrl": feature.token_url, "refreshUrl": feature.token_url}
    document["components"]["securitySchemes"] = {
        _SECURITY_SCHEME: {
            "type": "oauth2",
            "description": "Sign in with the e-mail address as `username`. Without a scope "
            "selected, the token permits all that you may do.",
            "flows": {"password": flow},
        }
    }


def _url(settings: Settings) -> str:
    return settings.issuer.rstrip("/") if settings.issuer_is_url else "/"


def _body_examples(app: FastAPI) -> Iterator[tuple[str, list[Any]]]:
    """The examples of the bodies as they were written: FastAPI drops each `null` from them."""
    for route in app.routes:
        if isinstance(route, Route) and route.body_field is not None:
            model: Any = route.body_field.field_info.annotation
            extra = model.model_config.get("json_schema_extra", {})
            if "examples" in extra:
                yield model.__name__, extra["examples"]


def _complete(path: str, method: str, operation: Json, route: Route) -> None:
    """What every operation of its kind has: its problems, its media types, its headers."""
    summary, _, description = operation.pop("description", "").partition("\n\n")
    operation["summary"] = " ".join(summary.removesuffix(".").split())
    if description:
        operation["description"] = description
    scopes = route.access_policy.scopes
    operation["security"] = [] if scopes is None else [{_SECURITY_SCHEME: sorted(scopes)}]
    for parameter in operation.get("parameters", []):
        _complete_parameter(parameter)
    responses = operation["responses"]
    # FastAPI's own form of a 422.
    responses.get("422", {}).get("content", {}).pop("application/json", None)
    if responses.get("422", {}).get("content") == {}:
        del responses["422"]
    for status, response in _problems_of(path, operation, route).items():
        _merge(responses, str(status), response)
    if method == "patch":
        # It takes `application/json` too; generators choose one, or make two methods.
        body = operation["requestBody"]["content"]
        body["application/merge-patch+json"] = body.pop("application/json")
    if route.is_read:
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
        responses["304"] = {"description": "It is as you know it."}
    elif route.takes_preconditions:
        operation.setdefault("parameters", []).append(IF_MATCH)
    if route.takes_idempotency_key:
        operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    operation["responses"] = dict(sorted(responses.items()))
    add_headers(operation, route, has_etag=route.answers_with_rows or route.is_read)


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
    # An unknown query parameter is one of them.
    errors: list[type[AppError]] = [ValidationFailed] if route.has_input_problems else []
    if "requestBody" in operation:
        errors += [ContentTooLarge, ServerBusy]
        if route.has_input_problems:
            errors += [MalformedJson, UnsupportedMediaType]
    for requirement in operation["security"]:
        errors += [MalformedRequest, NotAuthenticated, InvalidToken]
        if any(requirement.values()):
            errors.append(InsufficientScope)
    if "health" not in operation["tags"]:
        errors.append(InternalError)
    if route.takes_preconditions and not route.is_read:
        errors.append(VersionConflict)
    if route.access_policy.is_limited:
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
