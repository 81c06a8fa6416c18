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
from typing import Annotated, Any, TypeGuard, get_origin

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Body, Depends, Form, Param, Query, Security
from pydantic import AliasPath, BaseModel, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from app.core import urlencoded
from app.core.errors import FieldError, ValidationFailed, pointer

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
        self.scopes: frozenset[str] | None = None
        self.query_parameters: dict[str, bool] = {}
        self.takes_body = False
        signature = inspect.signature(function, eval_str=True)
        self.returns = signature.return_annotation
        inputs = {}
        for name, parameter in signature.parameters.items():
            if parameter.default is not parameter.empty:
                raise UnsupportedRoute(f"{function.__name__} has a default for {name}")
            read = self._read(name, parameter.annotation, path_parameters)
            if read is not None:
                inputs[name] = Annotated[parameter.annotation, Field(validation_alias=read)]
        # All that is validated, in one go: what it finds wrong is told together.
        adapter = TypeAdapter(TypedDict("Inputs", inputs))  # type: ignore[operator]
        self._validate = adapter.validator.validate_python

    def asks_for(self, service: Callable[[Request], Any]) -> bool:
        """Whether it is given what this function makes of the request."""
        return service in self._services.values()

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What it is called with, but for the services; `given` are `path`, `query` and `body`.

        Raises `RequestValidationError`, which tells all that is wrong.
        """
        try:
            arguments: dict[str, Any] = self._validate(given)
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
            raise RequestValidationError(errors) from None
        return arguments

    async def __call__(self, request: Request, arguments: Mapping[str, Any]) -> Any:
        """What it answers; its services are made for this request."""
        services = {name: make(request) for name, make in self._services.items()}
        return await self._function(**services, **arguments)

    def _read(
        self, name: str, annotation: Any, path_parameters: Collection[str]
    ) -> AliasPath | None:
        """Where a parameter that is validated has its value; None for a service."""
        marks = getattr(annotation, "__metadata__", ())
        model = getattr(annotation, "__origin__", annotation)
        is_model = isinstance(model, type) and issubclass(model, BaseModel)
        match [mark for mark in marks if isinstance(mark, Depends | Param | Body)]:
            case [Depends(dependency=make) as mark] if _takes_the_request_alone(make):
                self._services[name] = make
                if isinstance(mark, Security):
                    self.scopes = (self.scopes or frozenset()).union(mark.scopes or ())
                return None
            case [] if annotation is Request:
                self._services[name] = lambda request: request
                return None
            case [] if name in path_parameters:
                return AliasPath("path", name)
            case [Query()] if is_model and not self.query_parameters:
                self.query_parameters = {
                    field.alias or key: get_origin(field.annotation) is list
                    for key, field in model.model_fields.items()
                }
                return AliasPath("query")
            case [] | [Form()] if is_model and not self.takes_body:
                self.takes_body = True
                return AliasPath("body")
        raise UnsupportedRoute(f"{self._function.__name__} asks for {name}: {annotation}")


def _takes_the_request_alone(make: Any) -> TypeGuard[Callable[[Request], Any]]:
    return (
        inspect.isfunction(make)
        and not inspect.iscoroutinefunction(make)
        and not inspect.isasyncgenfunction(make)
        and [*inspect.signature(make).parameters] == ["request"]
    )


def parse_query(raw: bytes, known: Mapping[str, bool]) -> QueryValues:
    """A query's parameters; `known` are their names, and whether each may be repeated.

    Raises `ValidationFailed` for what would be ignored or read wrongly: unknown names,
    repetitions, broken UTF-8.
    """
    try:
        pairs = urlencoded.parse(raw)
    except UnicodeDecodeError:
        raise ValidationFailed.at("", "invalid_text", "is not UTF-8", "query") from None
    except ValueError:
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
