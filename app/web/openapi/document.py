"""The OpenAPI document: FastAPI makes it of the routes, and it is completed here."""

import functools
import re
import threading
from collections.abc import Iterable

import orjson
from fastapi import FastAPI, Request, Response
from pydantic.json_schema import models_json_schema

from app.core.settings import Settings
from app.web.openapi.headers import HEADERS
from app.web.openapi.operations import complete_operation
from app.web.openapi.problems import SCHEMA, Json, Problem
from app.web.routing import Feature, Route


def install(app: FastAPI, features: Iterable[Feature]) -> None:
    """Serve the document at `/openapi.json`, made and encoded once."""
    document = functools.cache(lambda: _document(app, features))
    encoded = functools.cache(lambda: orjson.dumps(document()))
    lock = threading.Lock()

    # Not async, so that it runs in a thread: the first one takes a tenth of a second.
    def answer(_request: Request) -> Response:
        with lock:
            return Response(encoded(), media_type="application/json")

    # FastAPI's documented way to replace its own.
    app.openapi = document  # type: ignore[method-assign]
    app.add_route("/openapi.json", answer, include_in_schema=False)


def _document(app: FastAPI, features: Iterable[Feature]) -> Json:
    settings: Settings = app.state.settings
    url = settings.issuer.rstrip("/") if settings.issuer_is_url else "/"
    app.servers = [{"url": url, "description": "This server."}]
    # FastAPI calls a schema that is both sent and answered `Due-Input` and `Due-Output`.
    text = orjson.dumps(FastAPI.openapi(app))
    text = text.replace(b'-Input"', b'"').replace(b'-Output"', b'Read"')
    document: Json = orjson.loads(text)
    schemas = _complete_schemas(document["components"]["schemas"])
    for route in app.routes:
        if isinstance(route, Route):
            for method in route.methods or ():
                operation = document["paths"][route.path][method.lower()]
                complete_operation(operation, route, schemas)
    [token_url] = [feature.token_url for feature in features if feature.token_url]
    flow = {"tokenUrl": token_url, "refreshUrl": token_url, "scopes": dict(app.state.scopes)}
    document["components"] = {
        "schemas": schemas,
        "securitySchemes": {
            "OAuth2": {
                "type": "oauth2",
                "description": "Sign in with the e-mail address as `username`. Without a scope "
                "selected, the token permits all that you may do.",
                "flows": {"password": flow},
            }
        },
        "headers": {
            name: {"description": description, "schema": {"type": "string"}}
            for name, description in HEADERS.items()
        },
    }
    return document


def _complete_schemas(schemas: dict[str, Json]) -> dict[str, Json]:
    """Put `Problem` in the place of FastAPI's errors, and name the values of enumerations."""
    _, problem = models_json_schema([(Problem, "serialization")], ref_template=SCHEMA)
    schemas = {**schemas, **problem["$defs"]}
    del schemas["HTTPValidationError"], schemas["ValidationError"]
    for name, schema in schemas.items():
        if "title" in schema:
            schema["title"] = name
        if "enum" in schema:
            schema["x-enum-varnames"] = [_constant(name, value) for value in schema["enum"]]
        for field in schema.get("properties", {}).values():
            field.pop("title", None)  # its name again
    return dict(sorted(schemas.items()))


def _constant(enumeration: str, value: str) -> str:
    """`TODO_SORT_DUE_DESC`: in Go all constants share one namespace, and a `-` is lost."""
    name = re.sub("(?<=[a-z])(?=[A-Z])", "_", enumeration) + "_" + value.lstrip("-")
    return (name + "_desc" * value.startswith("-")).upper()
