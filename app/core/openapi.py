"""The OpenAPI document: what FastAPI makes of the routes, and what holds for all of them."""

from collections import defaultdict
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import ConfigDict, Field, TypeAdapter

from app.core.authentication import NotAuthenticated
from app.core.errors import (
    AppError,
    ContentTooLarge,
    DatabaseBusy,
    DatabaseUnavailable,
    InsufficientScope,
    InternalError,
    MalformedJson,
    UnsupportedMediaType,
    ValidationFailed,
)
from app.core.schemas import Schema
from app.core.security import InvalidToken

PROBLEM_JSON = AppError.media_type


class FieldProblem(Schema):
    """One thing that is wrong with the input."""

    model_config = ConfigDict(serialize_by_alias=True)

    pointer: str = Field(description="Where (RFC 6901): in the body, or the parameter's name.")
    code: str
    message: str
    location: Literal["body", "query", "path", "header"] = Field(alias="in")


def problems(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these errors."""
    by_status: dict[int, list[type[AppError]]] = defaultdict(list)
    for error in errors:
        by_status[error.status].append(error)
    return {status: _response(kinds) for status, kinds in sorted(by_status.items())}


class Problem(Schema):
    """What went wrong (RFC 9457). `code` never changes its meaning; go by it."""

    type: str = Field(description="The kind of problem, as a URN.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(description="The HTTP status, again.")
    detail: str = Field(description="This very problem, in words.")
    instance: str = Field(description="This very request, as a URN.")
    code: str = Field(description="The kind of problem, for programs.")
    params: dict[str, Any] = Field(description="What a translation of `detail` would need.")
    errors: list[FieldProblem] = Field(
        default=[], description="What is wrong with which part of the input."
    )


def install(app: FastAPI) -> None:
    """Make the app serve this document instead of FastAPI's."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        tags=app.openapi_tags,
        routes=app.routes,
        servers=[{"url": "/"}],
    )
    schemas = document["components"]["schemas"]
    for model in (Problem, FieldProblem):
        schemas[model.__name__] = TypeAdapter(model).json_schema(ref_template=_REF)
        schemas[model.__name__].pop("$defs", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(path, method, operation)
    return document


_REF = "#/components/schemas/{model}"


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """What every operation of its kind has: its problems, its headers, its media types."""
    responses = operation["responses"]
    responses.get("422", {}).get("content", {}).pop("application/json", None)
    if responses.get("422", {}).get("content") == {}:
        del responses["422"]
    for status, response in _problems_of(operation).items():
        _merge(responses, str(status), response)
    if not path.startswith("/v1/") or path.startswith("/v1/oauth/"):
        return
    body = operation.get("requestBody", {}).get("content", {})
    if method == "patch":
        body["application/merge-patch+json"] = body["application/json"]
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = _header("The request's id, yours if you sent one.")
        if status in ("200", "201"):
            headers["ETag"] = _header("The version, for `If-Match` and `If-None-Match`.")
        if status == "201":
            headers["Location"] = _header("Where it is.")
    if method == "get":
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        responses["304"] = {"description": "It is as you know it.", "headers": {}}
        if operation["operationId"].startswith("list_"):
            responses["200"]["headers"]["Link"] = _header('The next page, as `rel="next"`.')
    operation["responses"] = dict(sorted(responses.items()))


_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "An `ETag`: if it is still that, the answer is 304 and has no body.",
    "schema": {"type": "string", "examples": ['"3"']},
}


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _problems_of(operation: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    errors: list[type[AppError]] = []
    body = operation.get("requestBody", {}).get("content", {})
    if "application/json" in body:
        errors += [MalformedJson, ContentTooLarge, UnsupportedMediaType, ValidationFailed]
    if operation.get("parameters"):
        errors.append(ValidationFailed)
    for requirement in operation.get("security", []):
        errors += [NotAuthenticated, InvalidToken]
        if any(requirement.values()):
            errors.append(InsufficientScope)
    if "health" not in operation["tags"]:
        errors += [InternalError, DatabaseUnavailable, DatabaseBusy]
    return problems(*errors)


def _merge(responses: dict[str, Any], status: str, response: dict[str, Any]) -> None:
    """Add a problem's response, its examples to those that the route itself has."""
    there = responses.setdefault(status, response)
    if there is response or PROBLEM_JSON not in there.get("content", {}):
        return
    examples = there["content"][PROBLEM_JSON]["examples"]
    for code, example in response["content"][PROBLEM_JSON]["examples"].items():
        examples.setdefault(code, example)
    there["description"] = " ".join(f"`{code}`" for code in sorted(examples))


def _response(errors: list[type[AppError]]) -> dict[str, Any]:
    examples = {
        error.code: {"summary": error.title, "value": _example(error)}
        for error in sorted(set(errors), key=lambda error: error.code)
    }
    return {
        "description": " ".join(f"`{code}`" for code in examples),
        "content": {
            PROBLEM_JSON: {
                "schema": {"$ref": _REF.format(model="Problem")},
                "examples": examples,
            }
        },
    }


def _example(error: type[AppError]) -> dict[str, Any]:
    return {
        "type": f"urn:tickbox:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.title,
        "instance": "urn:tickbox:request:01936b7e-8f00-7000-8000-000000000000",
        "code": error.code,
        "params": {},
    }
