"""What is refused whatever else there is, the document refuses too: SDKs go by it, and generators
of examples.
"""

from collections.abc import Iterator

import pytest

from tests.people import Person
from tests.web.answers import schema_errors
from tests.web.operations import (
    DOCUMENT,
    FORM,
    FORM_OPERATIONS,
    OPERATIONS,
    SCHEMAS,
    Json,
    Operation,
    resolved,
)

# What JSON Schema, OpenAPI and JavaScript's `input` know: a tool passes over any other.
FORMATS = {"date", "date-time", "email", "password", "uuid"}


def test_only_known_formats() -> None:
    def formats(part: object) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("format"), str):
                yield part["format"]
            for value in part.values():
                yield from formats(value)
        elif isinstance(part, list):
            for value in part:
                yield from formats(value)

    assert set(formats(DOCUMENT)) == FORMATS


@pytest.mark.parametrize("operation", FORM_OPERATIONS, ids=str)
def test_a_form_is_text(operation: Operation) -> None:
    schema = resolved(operation.contents[FORM]["schema"])
    assert "additionalProperties" not in schema
    assert schema["patternProperties"] == {"^": {"type": "string"}}
    for field in schema["properties"].values():
        assert resolved(field)["type"] == "string"
        assert "default" not in field


@pytest.mark.parametrize(
    ("schema", "field", "taken", "refused"),
    [
        ("TodoCreate", "id", "01936b7e-8f00-7000-8000-000000000000", ""),
        ("ProjectCreate", "id", None, "01936b7e-8f00-4000-8000-000000000000"),
        ("TodoCreate", "title", "one line", "line\nbreak"),
        ("TodoUpdate", "title", "\u00a0", "a\0b"),
        ("ProjectUpdate", "name", "one line", "line\u2028break"),
        ("TodoUpdate", "description", None, "\0"),
        ("CommentCreate", "body", "two\nlines", " \n\t"),
        ("CommentUpdate", "body", "x", "x\0"),
        ("ProjectCreate", "name", "ß", "\0"),
        ("UserCreate", "display_name", None, "\0"),
        ("UserCreate", "timezone", "America/Port-au-Prince", ""),
        ("UserUpdate", "timezone", "Etc/GMT+1", "Europe/\x9a"),
        ("UserCreate", "password", "correct horse battery staple", "correct horse\tbattery staple"),
        ("PasswordChange", "new", "eight ravens count the coins", "\x7f" * 15),
        ("DueDateTime", "datetime", "2026-11-30T09:00:00", "2026-11-30T24:00:00"),
        ("DueDateTime", "datetime", "2026-11-30T09:00:00", "2026-13-30T09:00:00"),
        ("RevocationRequest", "token", "x", ""),
        ("IntrospectionRequest", "token", "x", ""),
    ],
)
def test_field(schema: str, field: str, taken: str | None, refused: str) -> None:
    definition = SCHEMAS[schema]["properties"][field]
    assert not list(schema_errors(definition, taken))
    assert list(schema_errors(definition, refused))


def _parameter(operation_id: str, name: str) -> Json:
    [operation] = [operation for operation in OPERATIONS if operation.id == operation_id]
    schema: Json = operation.parameters("query")[name]["schema"]
    return schema


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("due_after", "2026-11-30", "2026-13-30"),
        ("due_after", "2026-11-30t09:00:00.123456789+05:45", "2026-11-30T09:00:00"),
        ("due_before", "2026-11-30T09:00:00Z", "2026-11-30T25:00:00Z"),
        ("due_before", "2026-11-30T23:59:59-12:00", "2026-11-30T24:00:00Z"),
        ("parent_id", "none", "nobody"),
        ("parent_id", "01936b7e-8f00-7000-8000-000000000000", "01936b7e"),
        ("parent_id", "01936B7E-8F00-7000-8000-00000000000F", "01936b7e8f0070008000000000000000"),
    ],
)
async def test_parameter(ada: Person, name: str, taken: str, refused: str) -> None:
    schema = _parameter("list_todos", name)
    assert schema["type"] == "string"
    assert not list(schema_errors(schema, taken))
    assert list(schema_errors(schema, refused))
    for value, status in ((taken, 200), (refused, 422)):
        response = await ada.client.get("/v1/todos", params={name: value})
        assert response.status_code == status, value


def test_text_of_a_parameter_stands_once() -> None:
    assert "description" not in _parameter("list_todos", "due_after")
