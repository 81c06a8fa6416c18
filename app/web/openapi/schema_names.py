"""Names in the OpenAPI document: what SDKs call their types, and the values of enumerations."""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_SCHEMAS = "#/components/schemas/"


def name_schemas(document: Json) -> dict[str, Json]:
    """Of what is sent and answered, call the one `Due` and the other, which may grow, `DueRead`.

    FastAPI calls them `Due-Input` and `Due-Output`. Returns the schemas by these names.
    """
    schemas: dict[str, Json] = document["components"]["schemas"]
    named = {_name_of(name): schema for name, schema in schemas.items()}
    assert len(named) == len(schemas), "two schemas have one name"
    for part in _parts_of(document):
        reference = part.get("$ref")
        if isinstance(reference, str) and reference.startswith(_SCHEMAS):
            part["$ref"] = _SCHEMAS + _name_of(reference.removeprefix(_SCHEMAS))
    for name, schema in named.items():
        if "title" in schema:
            schema["title"] = name
        if "enum" in schema:
            schema["x-enum-varnames"] = [_constant(name, value) for value in schema["enum"]]
    document["components"]["schemas"] = named
    return named


def _name_of(name: str) -> str:
    if name.endswith("-Output"):
        return name.removesuffix("-Output") + "Read"
    return name.removesuffix("-Input")


def _constant(enumeration: str, value: str) -> str:
    """`TODO_SORT_DUE_DESC`: in Go all constants stand together, and a `-` is lost."""
    name = re.sub("(?<=[a-z])(?=[A-Z])", "_", enumeration) + "_" + value.lstrip("-")
    return (name + "_desc" * value.startswith("-")).upper()


def _parts_of(part: Any) -> Iterator[Json]:
    """All objects of a document."""
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part:
        if isinstance(inner, dict | list):
            yield from _parts_of(inner)
