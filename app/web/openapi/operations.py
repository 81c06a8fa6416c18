"""An operation of the OpenAPI document: what FastAPI does not know of its route is added to it."""

from http import HTTPStatus
from typing import Any

from fastapi.utils import deep_dict_update

from app.core import errors
from app.web.body_buffering import ServerBusy
from app.web.idempotency import IdempotencyInProgress, IdempotencyKeyReused
from app.web.openapi.headers import request_headers, response_headers
from app.web.openapi.problems import PROBLEMS, Json, problems
from app.web.routing import Route


def complete_operation(operation: Json, route: Route, schemas: dict[str, Json]) -> None:
    """Add security, headers, problems and examples."""
    summary, _, operation["description"] = operation["description"].partition("\n\n")
    operation["summary"] = summary.removesuffix(".")
    scopes = route.call.scopes
    operation["security"] = [] if scopes is None else [{"OAuth2": sorted(scopes)}]
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        _complete_parameter(parameter)
    parameters += request_headers(route)
    if "requestBody" in operation:
        _complete_body(operation["requestBody"]["content"], route, schemas)
    responses = operation["responses"]
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]  # FastAPI's form of it
    if route.is_read:
        responses["304"] = {"description": "Not modified: you have the current version."}
    deep_dict_update(responses, problems(*_problems_of(route)))
    operation["responses"] = dict(sorted(responses.items()))
    for status, response in responses.items():
        _complete_response(response, status)
        response["headers"] = response_headers(route, status)


def _complete_parameter(parameter: Json) -> None:
    if parameter["in"] == "path":
        parameter["description"] = f"The {parameter['name'].removesuffix('_id')}'s id."
    schema = parameter["schema"]
    for repeated in ("title", "description"):
        schema.pop(repeated, None)
    if schema.get("default") == []:
        del schema["default"]
    # None is for one that was left out; there is no way to send `null`.
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema |= kinds[0]


def _complete_body(contents: Json, route: Route, schemas: dict[str, Json]) -> None:
    if "PATCH" in (route.methods or ()):
        # It takes `application/json` too; generators choose one, or make two methods.
        contents["application/merge-patch+json"] = contents.pop("application/json")
    assert route.body_field is not None
    model: Any = route.body_field.field_info.annotation
    extra = model.model_config.get("json_schema_extra", {})
    if "examples" in extra:
        # As they were written: FastAPI drops each `null` from them.
        schemas[model.__name__]["examples"] = extra["examples"]


def _complete_response(response: Json, status: str) -> None:
    if PROBLEMS in response and len(response["content"]) == 1:
        problems = sorted(response[PROBLEMS].items())
        response["description"] = " ".join(f"`{code}`: {title}." for code, title in problems)
    elif response["description"] == "Successful Response":  # FastAPI's words for any
        response["description"] = HTTPStatus(int(status)).phrase


def _problems_of(route: Route) -> list[type[errors.AppError]]:
    """The problems that follow from what a route takes and needs; it declares its others."""
    found: list[type[errors.AppError]] = [errors.InternalError]
    takes_json = "application/json" in route.media_types
    if takes_json:  # what takes a form has its own word for wrong input (RFC 6749, section 5.2)
        found.append(errors.ValidationFailed)  # an unknown parameter of the query is one
    if route.call.takes_body:
        found += [errors.ContentTooLarge, ServerBusy]
        if takes_json:
            found += [errors.MalformedJson, errors.UnsupportedMediaType]
    if route.call.scopes is not None:
        found += [errors.MalformedRequest, errors.NotAuthenticated, errors.InvalidToken]
    if route.call.scopes:
        found.append(errors.InsufficientScope)
    if route.takes_preconditions and not route.is_read:
        found.append(errors.VersionConflict)
    if route.is_limited:
        found += [errors.RateLimited, errors.DatabaseUnavailable, errors.DatabaseBusy]
    if route.takes_idempotency_key:
        found += [IdempotencyInProgress, IdempotencyKeyReused]
    return found
