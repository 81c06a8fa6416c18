"""What no field of any body may do, whatever is in it: a 5xx, an echo, a row that breaks a read."""

import json

import pytest

from app.web.body_buffering import PUBLIC_BODY_BYTES
from tests.people import Person
from tests.web.answers import document_faults, faults
from tests.web.callers import Caller
from tests.web.hostile import DOUBTFUL, NOT_JSON, REFUSED
from tests.web.operations import JSON_OPERATIONS, Operation, alternatives, fields, with_field

pytestmark = pytest.mark.parametrize("operation", JSON_OPERATIONS, ids=str)


async def _answers(
    caller: Caller, operation: Operation, values: dict[str, str], status: int | None, code: str = ""
) -> list[str]:
    """What is wrong with the answers to each of the values in each field."""
    wrong = []
    for path in fields(operation.body_schema):
        # What was archived by one value would take no other.
        caller = Caller(caller.person)
        for name, raw in values.items():
            body = with_field(caller.value(operation), path, raw)
            if operation.scopes is None and len(body) > PUBLIC_BODY_BYTES:
                continue  # it is not read at all
            response = await caller.send(operation, body=body)
            found = [*faults(response), *document_faults(response, operation)]
            if '"code":"invalid"' in response.text:
                found.append("does not tell what is wrong")
            if status is not None and response.status_code != status:
                found.append(f"is {response.status_code}")
            if code and not found and response.json()["code"] != code:
                found.append(f"is {response.json()['code']}")
            wrong += [f"{name} in {'.'.join(path)}: the answer {fault}" for fault in found]
    return wrong


async def test_what_is_not_json_is_malformed(caller: Caller, operation: Operation) -> None:
    assert not await _answers(caller, operation, NOT_JSON, 400, "malformed_json")


async def test_what_no_field_takes_is_refused(caller: Caller, operation: Operation) -> None:
    assert not await _answers(caller, operation, REFUSED, 422, "validation_failed")


async def test_what_a_field_may_take_breaks_nothing(caller: Caller, operation: Operation) -> None:
    assert not await _answers(caller, operation, DOUBTFUL, None)

    for url in ("/v1/todos?limit=200", "/v1/projects?limit=200", "/v1/users/me"):
        response = await caller.person.get(url)
        assert response.status_code == 200
        assert not list(faults(response))


async def test_text_of_any_script_comes_back(ada: Person, operation: Operation) -> None:
    caller = Caller(ada)
    texts = [
        "\u202eright\u202c to \u2067left\u2069 مرحبا",
        "👩‍👩‍👧‍👦 🏳️‍🌈 \U0001f1ee\U0001f1f8",
        "zero\u200bwidth\u2060and\ufeffmore",
        "e\u0301\u0300 combining, é composed, ﬁ ﬀ compatibility",
        "\uffff\ufdd0\U0010ffff noncharacters \U000f0000 private use",
        'tab\tbreak\nreturn\r\\ "quotes" <b>&amp;</b> \u2028\u2029\x7f\x85 end',
    ]
    for name, field in operation.body_schema["properties"].items():
        if any(_is_free_text(kind) for kind in alternatives(field)):
            for text in texts:
                raw = json.dumps(text, ensure_ascii=False)
                body = with_field(caller.value(operation), (name,), raw)
                response = await caller.send(operation, body=body)
                assert response.is_success, response.text
                assert response.json()[name] == text


def _is_free_text(schema: dict[str, object]) -> bool:
    return "maxLength" in schema and not {"pattern", "format", "enum"} & schema.keys()
