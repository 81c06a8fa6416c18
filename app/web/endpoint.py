"""Calls a route's function with what its signature asks for, which is read when the route is made.

FastAPI reads the same signature for the OpenAPI document. Each parameter is one of these:

- a service, `Annotated[T, Depends(make)]`, where `make` is a plain function of the request alone;
  `Security(make, scopes=[…])` also says which scopes the access token needs;
- the request;
- a part of the path, by its name;
- the query or a form as one model, `Annotated[T, Query()]` or `Annotated[T, Form()]`;
- the JSON body as a model.

Why FastAPI's own handler does not call it: `docs/decisions/endpoints.md`.
"""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, get_origin

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Body, Depends, Form, Param, Query, Security
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.core import urlencoded
from app.core.errors import FieldError, ValidationFailed, pointer
from app.web.json_body import ABSENT

_MAX_FIELDS = 200
# The value of each parameter that was sent, or the values of one that may be repeated.
QueryValues = dict[str, str | list[str]]


class UnsupportedRoute(TypeError):
    """A route asks for what only FastAPI's own handler gives."""


class Endpoint:
    """A route's function.

    `query_parameters` are the names that the query may have, and whether each may be repeated.
    `scopes` are those that the token needs; None: it needs no token.
    """

    def __init__(self, function: Callable[..., Any], path_parameters: Collection[str]) -> None:
        """Raises `UnsupportedRoute`."""
        if not inspect.iscoroutinefunction(function):
            raise UnsupportedRoute(f"{function.__name__} is not async")
        self._function = function
        self._services: dict[str, Callable[[Request], Any]] = {}
        # The name of each parameter that is validated, where its value is, and by what.
        self._inputs: list[tuple[str, str, Callable[[Any], Any]]] = []
        self.scopes: frozenset[str] | None = None
        self.query_parameters: dict[str, bool] = {}
        signature = inspect.signature(function, eval_str=True)
        self.returns = signature.return_annotation
        for name, parameter in signature.parameters.items():
            if parameter.default is not parameter.empty:
                raise UnsupportedRoute(f"{function.__name__} has a default for {name}")
            self._add(name, parameter.annotation, path_parameters)
        self.takes_body = any(place == "body" for _, place, _ in self._inputs)

    def asks_for(self, service: Callable[[Request], Any]) -> bool:
        """Whether it is given what this function makes of the request."""
        return service in self._services.values()

    def arguments(self, path: Mapping[str, str], query: QueryValues, body: Any) -> dict[str, Any]:
        """What it is called with, but for the services.

        Raises `RequestValidationError`, which tells all that is wrong.
        """
        arguments: dict[str, Any] = {}
        errors: list[Any] = []
        for name, place, validate in self._inputs:
            value = path[name] if place == "path" else query if place == "query" else body
            if value is ABSENT:
                errors.append({"type": "missing", "loc": (place,)})
                continue
            try:
                arguments[name] = validate(value)
            except ValidationError as error:
                location = (place, name) if place == "path" else (place,)
                errors += [
                    {**found, "loc": (*location, *found["loc"])}
                    for found in error.errors(include_url=False, include_input=False)
                ]
        if errors:
            raise RequestValidationError(errors)
        return arguments

    async def __call__(self, request: Request, arguments: Mapping[str, Any]) -> Any:
        """What it answers; its services are made for this request."""
        services = {name: make(request) for name, make in self._services.items()}
        return await self._function(**services, **arguments)

    def _add(self, name: str, annotation: Any, path_parameters: Collection[str]) -> None:
        marks = getattr(annotation, "__metadata__", ())
        mark = next((m for m in marks if isinstance(m, Depends | Param | Body)), None)
        if isinstance(mark, Depends):
            self._add_service(name, mark)
        elif annotation is Request:
            self._services[name] = lambda request: request
        elif name in path_parameters:
            self._add_input(name, "path", annotation)
        else:
            model = getattr(annotation, "__origin__", annotation)
            place = "query" if isinstance(mark, Query) else "body"
            if (
                not (isinstance(model, type) and issubclass(model, BaseModel))
                or not isinstance(mark, Query | Form | None)
                or any(other == place for _, other, _ in self._inputs)
            ):
                raise UnsupportedRoute(f"{self._function.__name__} asks for {name}: {annotation}")
            if place == "query":
                self.query_parameters = {
                    field.alias or name: _is_list(field.annotation)
                    for name, field in model.model_fields.items()
                }
            self._add_input(name, place, annotation)

    def _add_service(self, name: str, mark: Depends) -> None:
        make = mark.dependency
        if (
            make is None
            or inspect.iscoroutinefunction(make)
            or inspect.isasyncgenfunction(make)
            or [*inspect.signature(make).parameters] != ["request"]
        ):
            raise UnsupportedRoute(f"{name} is not made by a plain function of the request alone")
        self._services[name] = make
        if isinstance(mark, Security):
            self.scopes = (self.scopes or frozenset()).union(mark.scopes or ())

    def _add_input(self, name: str, place: str, annotation: Any) -> None:
        self._inputs.append((name, place, TypeAdapter(annotation).validator.validate_python))


def parse_query(raw: bytes, known: Mapping[str, bool]) -> QueryValues:
    """A query's parameters; `known` are their names, and whether each may be repeated.

    Raises `ValidationFailed` for what would be ignored or read wrongly: unknown names,
    repetitions, broken UTF-8.
    """
    try:
        pairs = urlencoded.parse(raw, max_fields=_MAX_FIELDS)
    except UnicodeDecodeError:
        raise ValidationFailed.at("", "invalid_text", "is not UTF-8", "query") from None
    except urlencoded.TooMany:
        raise ValidationFailed.at("", "too_long", "has too many parameters", "query") from None
    values: QueryValues = {}
    errors: list[FieldError] = []
    for name, value in pairs:
        if name not in known:
            errors.append(
                FieldError(pointer([name]), "unknown_parameter", "is not known here", "query")
            )
        elif known[name]:
            values[name] = [*values.get(name, ()), value]
        elif name in values:
            errors.append(
                FieldError(f"/{name}", "repeated", "must not be given more than once", "query")
            )
        else:
            values[name] = value
    if errors:
        raise ValidationFailed(errors=tuple(errors))
    return values


def _is_list(annotation: Any) -> bool:
    return any(
        get_origin(part) is list for part in (annotation, *getattr(annotation, "__args__", ()))
    )
