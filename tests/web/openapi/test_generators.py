"""The OpenAPI document as generators of clients read it: each value has a type, and each type that
needs one a name. `make lint-openapi` has some of them do it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from app.core.settings import Settings
from app.main import create_app
from tests.web.operations import (
    DOCUMENT,
    FORM_OPERATIONS,
    MERGE_PATCH,
    OPERATIONS,
    SCHEMAS,
    Json,
    Operation,
    resolved,
)

ENUMERATIONS = {
    "CacheState",
    "GrantType",
    "InputPart",
    "PartState",
    "Priority",
    "ProjectSort",
    "ReadinessStatus",
    "Role",
    "TodoSort",
    "WeekStart",
}
NULL = {"type": "null"}


def schemas(part: Any, where: str = "") -> Iterator[tuple[str, Json]]:
    """All schemas below a part of the document, each with where it stands."""
    if isinstance(part, list):
        for number, item in enumerate(part):
            yield from schemas(item, f"{where}/{number}")
    elif isinstance(part, dict):
        for name, inner in part.items():
            if name in ("examples", "example", "x-enum-varnames"):
                continue
            here = f"{where}/{name}"
            if name in ("schema", "items"):
                yield here, inner
            elif name in ("properties", "schemas"):
                yield from ((f"{here}/{key}", schema) for key, schema in inner.items())
            elif name in ("anyOf", "oneOf"):
                yield from ((f"{here}/{number}", kind) for number, kind in enumerate(inner))
            yield from schemas(inner, here)


EVERY = list(schemas(DOCUMENT))


def test_each_schema_says_its_type() -> None:
    assert len(EVERY) > 200
    for where, schema in EVERY:
        kinds = {"$ref", "type", "anyOf", "oneOf"} & schema.keys()
        assert len(kinds) == 1, where


def test_a_choice_is_null_or_a_type_of_its_own() -> None:
    for where, schema in EVERY:
        assert "allOf" not in schema, where
        # `Due`, and what may be null: else a generator makes a type without a name.
        assert "oneOf" not in schema or where.startswith("/components/schemas/Due"), where
        kinds = [kind for kind in schema.get("anyOf", [NULL, {}]) if kind != NULL]
        assert len(kinds) == 1, where


def test_each_enumeration_has_a_name() -> None:
    named = [where for where, schema in EVERY if {"enum", "const"} & schema.keys()]
    assert all(re.fullmatch("/components/schemas/[A-Za-z]+", where) for where in named)
    assert {where.rpartition("/")[2] for where in named} >= ENUMERATIONS


@pytest.mark.parametrize("name", sorted(ENUMERATIONS))
def test_an_enumeration_is_used_by_its_name(name: str) -> None:
    assert any(schema.get("$ref") == f"#/components/schemas/{name}" for _, schema in EVERY)


def test_each_value_has_a_constant_that_no_other_value_has() -> None:
    """In Go all constants of a client are in one namespace; of `-due` and `due` one was lost."""
    constants: Counter[str] = Counter()
    for schema in SCHEMAS.values():
        if "enum" in schema:
            assert len(schema["x-enum-varnames"]) == len(schema["enum"])
            constants.update(schema["x-enum-varnames"])
    assert {"TODO_SORT_DUE", "TODO_SORT_DUE_DESC", "PRIORITY_URGENT"} <= constants.keys()
    assert set(constants.values()) == {1}
    assert all(re.fullmatch("[A-Z][A-Z0-9_]*", constant) for constant in constants)


def test_names_are_words_and_titles_say_the_same() -> None:
    for name, schema in SCHEMAS.items():
        assert re.fullmatch("([A-Z][a-z]+|OAuth)+", name), name
        assert schema.get("title", name) == name
        assert not name.startswith("Body")


def _reached(part: Any) -> set[str]:
    """The names of all schemas that a part of the document is made of."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        for name in re.findall("'#/components/schemas/([A-Za-z]+)'", str(waiting.pop())):
            if name not in found:
                found.add(name)
                waiting.append(SCHEMAS[name])
    return found


def test_what_is_sent_is_closed_and_what_is_answered_may_grow() -> None:
    sent, answered = (
        _reached([operation.definition.get(part) for operation in OPERATIONS])
        for part in ("requestBody", "responses")
    )
    assert {"DueDate", "TodoCreate"} <= sent
    assert {"DueDateRead", "FieldProblem", "TodoRead"} <= answered
    forms = set().union(*(_reached(operation.contents) for operation in FORM_OPERATIONS))
    for name in sent | answered:
        if SCHEMAS[name].get("type") == "object":
            assert (name in sent) != (name in answered), name
            closed = name in sent and name not in forms
            assert SCHEMAS[name].get("additionalProperties") is (False if closed else None), name


def test_what_is_read_of_a_due_is_what_is_sent() -> None:
    for name in ("DueDate", "DueDateTime"):
        sent, read = (dict(SCHEMAS[name + suffix]) for suffix in ("", "Read"))
        assert sent.pop("additionalProperties") is False
        assert read == sent | {"title": f"{name}Read"}


def test_introspection_is_one_object() -> None:
    schema = SCHEMAS["Introspection"]
    assert (schema["type"], schema["required"]) == ("object", ["active"])
    assert schema["properties"]["active"]["type"] == "boolean"
    assert {"scope", "sub", "exp", "iss", "aud", "jti", "token_type"} < schema["properties"].keys()


@pytest.mark.parametrize("operation", FORM_OPERATIONS, ids=str)
def test_a_form_has_a_name_and_fields(operation: Operation) -> None:
    [content] = operation.contents.values()
    assert content["schema"].keys() == {"$ref"}
    schema = resolved(content["schema"])
    assert schema["type"] == "object"
    # As a map of texts it has no fields in some languages.
    assert "additionalProperties" not in schema
    assert len(schema["properties"]) > 2


def test_grants_are_an_enumeration() -> None:
    assert SCHEMAS["GrantType"]["enum"] == ["password", "refresh_token"]


@pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS if operation.method == "PATCH"], ids=str
)
def test_a_patch_is_sent_in_one_way(operation: Operation) -> None:
    assert list(operation.contents) == [MERGE_PATCH]


def test_patterns_are_for_every_language() -> None:
    """Go's and Rust's know no look-around and no backreferences, others other digits by `\\d`."""
    patterns = [schema["pattern"] for _, schema in EVERY if "pattern" in schema]
    assert patterns
    for pattern in patterns:
        assert not re.search(r"\(\?|\\[1-9dDwWsSbB]", pattern), pattern


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://todo.example", "https://todo.example"),
        ("https://todo.example/", "https://todo.example"),
        ("http://127.0.0.1:8000/tickbox/", "http://127.0.0.1:8000/tickbox"),
        ("todo.example", "/"),
        ("urn:tickbox", "/"),
    ],
)
def test_server_is_the_issuer_where_that_is_a_url(
    settings: Settings, issuer: str, url: str
) -> None:
    """An SDK that is made of a file has no other address to begin with."""
    app = create_app(settings.model_copy(update={"issuer": issuer}))
    assert [server["url"] for server in app.openapi()["servers"]] == [url]
