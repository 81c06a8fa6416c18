"""An endpoint's dependencies and parameters, solved by a plan that is made once per route.

FastAPI walks the tree of dependencies in each request, and finds out anew what each call is and
which parameter is read how: more than a third of what a list cost. A `Plan` does the same in the
same order, from what FastAPI knows when the route is made. It holds only what Tickbox's routes ask
for, and leaves every other route to FastAPI: `docs/decisions/dependencies-by-plan.md`.
"""

import inspect
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant, _get_cache_key
from fastapi.exceptions import RequestValidationError
from fastapi.params import Body, Form
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from app.core.schemas import JsonPage, JsonRow
from app.web.json_body import ABSENT, StrictRequest
from app.web.query_string import known_parameters

# A parameter's value, or what is wrong with it.
Reader = Callable[[StrictRequest], tuple[Any, list[Any]]]


class Unplanned(Exception):
    """The route asks for something that FastAPI alone knows how to give."""


_FAILED = object()


@dataclass(frozen=True, slots=True)
class _Step:
    """One call: a dependency's, or at the end the endpoint's.

    `needs` are the steps before whose values it takes, by the names of its arguments; without a
    name it only needs that they went well.
    """

    call: Callable[..., Any]
    is_context: bool
    needs: tuple[tuple[str | None, int], ...]
    readers: tuple[tuple[str, Reader], ...]
    request_name: str | None

    def arguments(
        self, request: StrictRequest, values: list[Any], errors: list[Any]
    ) -> dict[str, Any] | None:
        """What to call it with, or None if that is not to be had; adds to `errors`."""
        arguments: dict[str, Any] = {}
        failed = False
        for name, place in self.needs:
            value = values[place]
            if value is _FAILED:
                failed = True
            elif name is not None:
                arguments[name] = value
        for name, read in self.readers:
            arguments[name], wrong = read(request)
            if wrong:
                errors += wrong
                failed = True
        if self.request_name is not None:
            arguments[self.request_name] = request
        return None if failed else arguments


class Plan:
    """The steps of one route."""

    def __init__(self, route: APIRoute) -> None:
        """Raises `Unplanned`."""
        answer = get_type_hints(inspect.unwrap(route.endpoint)).get("return")
        if answer not in (JsonRow, JsonPage) or not _is_async(route.endpoint):
            raise Unplanned
        if route.dependency_overrides_provider is not None:
            raise Unplanned
        self._known = known_parameters(route)
        self._embeds_body = route._embed_body_fields
        self._steps: list[_Step] = []
        self._places: dict[object, int] = {}
        self._append(route.dependant)
        # Whether something is to be ended after the endpoint: the transaction.
        self.has_contexts = any(step.is_context for step in self._steps)

    async def __call__(self, request: StrictRequest) -> Response:
        """What the endpoint makes of the request. Raises `RequestValidationError`."""
        values: list[Any] = []
        errors: list[Any] = []
        for step in self._steps:
            arguments = step.arguments(request, values, errors)
            if arguments is None:
                # As FastAPI has it: the others are called, so that all errors are told at once.
                values.append(_FAILED)
            elif step.is_context:
                stack = request.scope["fastapi_function_astack"]
                values.append(await stack.enter_async_context(step.call(**arguments)))
            else:
                values.append(await step.call(**arguments))
        if errors:
            raise RequestValidationError(errors)
        response: Response = values[-1]
        return response

    def _append(self, dependant: Dependant) -> int:
        """Plan the call, after what it needs; gives its place among the values."""
        needs = tuple((part.name, self._place(part)) for part in dependant.dependencies)
        call = dependant.call
        assert call is not None
        is_context = inspect.isasyncgenfunction(call)
        self._steps.append(
            _Step(
                # The transaction ends before the answer leaves (scope="function").
                call=asynccontextmanager(call) if is_context else call,
                is_context=is_context,
                needs=needs,
                readers=tuple(self._readers(dependant)),
                request_name=dependant.request_param_name,
            )
        )
        return len(self._steps) - 1

    def _place(self, dependant: Dependant) -> int:
        """Where a dependency's value is: it is called once, however many ask for it."""
        is_context = inspect.isasyncgenfunction(dependant.call)
        if (
            not dependant.use_cache
            or dependant.concurrency is not None
            or (is_context and dependant.scope != "function")
            or not (is_context or _is_async(dependant.call))
        ):
            raise Unplanned
        key = _get_cache_key(dependant=dependant)
        if key not in self._places:
            self._places[key] = self._append(dependant)
        elif _reads_input(dependant):
            # FastAPI reads them again, and tells their errors twice.
            raise Unplanned
        return self._places[key]

    def _readers(self, dependant: Dependant) -> list[tuple[str, Reader]]:
        if (
            dependant.cookie_params
            or dependant.websocket_param_name
            or dependant.http_connection_param_name
            or dependant.response_param_name
            or dependant.background_tasks_param_name
            or dependant.security_scopes_param_name
        ):
            raise Unplanned
        return [
            *((field.name, _path(field)) for field in dependant.path_params),
            *((field.name, self._query(field)) for field in dependant.query_params),
            *((field.name, _header(field)) for field in dependant.header_params),
            *((field.name, self._body(field)) for field in dependant.body_params),
        ]

    def _query(self, field: ModelField) -> Reader:
        """The whole query as one model."""
        model = field.field_info.annotation
        known = self._known
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise Unplanned
        if model.model_fields.keys() != known.keys():
            raise Unplanned

        def read(request: StrictRequest) -> tuple[Any, list[Any]]:
            values: dict[str, Any] = {}
            for name, value in request.pairs:
                if known[name]:
                    values.setdefault(name, []).append(value)
                else:
                    values[name] = value
            return field.validate(values, loc=("query",))

        return read

    def _body(self, field: ModelField) -> Reader:
        """The whole body, JSON, which has to be there."""
        info = field.field_info
        if not isinstance(info, Body) or isinstance(info, Form) or self._embeds_body:
            raise Unplanned
        _require(field, is_required=True)

        def read(request: StrictRequest) -> tuple[Any, list[Any]]:
            if request.value is ABSENT:
                return None, [{"type": "missing", "loc": ("body",)}]
            return field.validate(request.value, loc=("body",))

        return read


def _path(field: ModelField) -> Reader:
    _require(field, is_required=True)
    alias = field.alias
    loc = ("path", alias)

    def read(request: StrictRequest) -> tuple[Any, list[Any]]:
        return field.validate(request.scope["path_params"][alias], loc=loc)

    return read


def _header(field: ModelField) -> Reader:
    """One that may be left out, and is None then."""
    if field.field_info.annotation is not str and set(get_args(field.field_info.annotation)) != {
        str,
        type(None),
    }:
        raise Unplanned
    _require(field, is_required=False)
    alias = field.alias
    loc = ("header", alias)

    def read(request: StrictRequest) -> tuple[Any, list[Any]]:
        value = request.headers.get(alias)
        return (None, []) if value is None else field.validate(value, loc=loc)

    return read


def _require(field: ModelField, *, is_required: bool) -> None:
    """Raises `Unplanned` for a default that is more than None, and for other names."""
    info = field.field_info
    if (
        info.is_required() is not is_required
        or info.validate_default
        or info.validation_alias not in (None, field.alias)
        or not (is_required or field.default is None)
    ):
        raise Unplanned


def _reads_input(dependant: Dependant) -> bool:
    return bool(
        dependant.path_params
        or dependant.query_params
        or dependant.header_params
        or dependant.body_params
        or any(map(_reads_input, dependant.dependencies))
    )


def _is_async(call: object) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
        getattr(call, "__call__", None)  # noqa: B004 - what a class's objects do when called
    )
