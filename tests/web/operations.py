"""Every operation of the OpenAPI document, so that tests of all find new ones by themselves."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from app.core.settings import Settings
from app.embedded.keys import new_secret_key, new_signing_key
from app.main import create_app

Json = dict[str, Any]

# It is never served: it is for what must be known before the tests run.
APP = create_app(
    Settings.model_construct(
        database_url=SecretStr("postgresql://nowhere/nothing"),
        redis_url=SecretStr("redis://nowhere"),
        secret_key=SecretStr(new_secret_key()),
        signing_keys=SecretStr(new_signing_key()),
    )
)
DOCUMENT: Json = APP.openapi()
SCHEMAS: Mapping[str, Json] = DOCUMENT["components"]["schemas"]

MERGE_PATCH = "application/merge-patch+json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Operation:
    """One method of one path, as the document has it."""

    method: str
    path: str
    definition: Json

    def __str__(self) -> str:
        return self.id

    @property
    def id(self) -> str:
        return str(self.definition["operationId"])

    @property
    def is_oauth(self) -> bool:
        return self.path.startswith("/v1/oauth/")

    @property
    def responses(self) -> Mapping[str, Json]:
        responses: Json = self.definition["responses"]
        return responses

    @property
    def scopes(self) -> list[str] | None:
        """The scopes that it needs; None: it needs no token."""
        security = self.definition["security"]
        return [scope for names in security[0].values() for scope in names] if security else None

    def parameters(self, location: str) -> dict[str, Json]:
        """The parameters that are in the query, the path or a header, by name."""
        return {
            parameter["name"]: parameter
            for parameter in self.definition.get("parameters", [])
            if parameter["in"] == location
        }

    @property
    def contents(self) -> Mapping[str, Json]:
        """What it takes, by content type."""
        contents: Json = self.definition.get("requestBody", {}).get("content", {})
        return contents

    @property
    def body(self) -> Json | None:
        """What it takes as JSON."""
        return self.contents.get(MERGE_PATCH, self.contents.get("application/json"))

    @property
    def body_schema(self) -> Json:
        assert self.body is not None
        return resolved(self.body["schema"])

    @property
    def form_fields(self) -> list[str]:
        """What it takes as a form."""
        return list(resolved(self.contents[FORM]["schema"])["properties"]) if self.is_form else []

    @property
    def example(self) -> Json:
        """The first example of what it takes."""
        [content] = self.contents.values()
        return dict(resolved(content["schema"])["examples"][0])

    @property
    def is_form(self) -> bool:
        return FORM in self.contents


def resolved(schema: Json) -> Json:
    """The schema itself, where there is only a reference to it."""
    return SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def alternatives(schema: Json) -> Iterator[Json]:
    """What a value may be, each without references."""
    schema = resolved(schema)
    kinds = schema.get("anyOf", schema.get("oneOf"))
    if kinds is None:
        yield schema
    else:
        for kind in kinds:
            yield from alternatives(kind)


def fields(schema: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all fields that a body may have, nested ones too."""
    for kind in alternatives(schema):
        for name, part in kind.get("properties", {}).items():
            yield (*path, name)
            yield from fields(part, (*path, name))
        if "items" in kind:
            yield from fields(kind["items"], (*path, "0"))


def with_field(body: Json, path: tuple[str, ...], raw: str) -> bytes:
    """The body as JSON, in which the field at `path` has the value `raw`, which is JSON or not."""
    mark = "<the value>"
    value: Any = mark
    for name in reversed(path[1:]):
        value = [value] if name == "0" else {name: value}
    text = json.dumps({**body, path[0]: value})
    return text.replace(json.dumps(mark), raw).encode()


OPERATIONS = [
    Operation(method.upper(), path, definition)
    for path, definitions in DOCUMENT["paths"].items()
    for method, definition in definitions.items()
]
JSON_OPERATIONS = [operation for operation in OPERATIONS if operation.body is not None]
FORM_OPERATIONS = [operation for operation in OPERATIONS if operation.is_form]
SECURED_OPERATIONS = [operation for operation in OPERATIONS if operation.scopes is not None]
