"""What is large within its limit: refused or taken, it never keeps others waiting."""

import asyncio
import json
import time

import pytest

from tests.web.answers import document_faults, faults
from tests.web.callers import Caller
from tests.web.operations import FORM_OPERATIONS, JSON_OPERATIONS, Operation

# Of the processor's time, between two turns of the event loop.
HOLD_SECONDS = 0.02


def _shapes(size: int, field: str) -> dict[str, bytes]:
    """JSON texts of about this size; where a text has to be somewhere, it is in the field."""

    def filled(begin: str, part: str, end: str) -> bytes:
        begin = begin.replace("FIELD", field)
        count = (size - len(begin) - len(end)) // len(part.encode())
        return f"{begin}{part * count}{end}".encode()

    pairs = ",".join(f'"{number:x}":1' for number in range(size // 11))
    return {
        "unknown fields": f"{{{pairs}}}".encode(),
        "a key again and again": filled("{", '"a":1,', '"a":1}'),
        "lists": filled("[", "[],", "[]]"),
        "objects": filled("[", "{},", "{}]"),
        "nested": filled("", "[", "]"),
        "lists nested 100 deep": filled("[", "[" * 100 + "]" * 100 + ",", "1]"),
        "objects in the field": filled('{"FIELD":[', '{"a":1},', "1]}"),
        "numbers": filled("[", "1,", "1]"),
        "texts": filled("[", '"",', '""]'),
        "texts without commas": filled("[", '""', '""]'),
        "digits": filled('{"FIELD":', "1", "}"),
        "a fraction": filled('{"FIELD":0.', "1", "}"),
        "an exponent": filled('{"FIELD":1e', "1", "}"),
        "a text": filled('{"FIELD":"', "a", '"}'),
        "blanks": filled('{"FIELD":"', " ", '"}'),
        "marks": filled('{"FIELD":"', ",[{:", '"}'),
        "escaped breaks": filled('{"FIELD":"', "\\n", '"}'),
        "escaped quotes": filled('{"FIELD":"', '\\",', '"}'),
        "escaped backslashes": filled('{"FIELD":"', "\\\\,", '"}'),
        "escaped characters": filled('{"FIELD":"', "\\u0101,", '"}'),
        "escaped surrogates": filled('{"FIELD":"', "\\ud83d\\ude00", '"}'),
        "emojis": filled('{"FIELD":"', "👩", '"}'),
        "an open text": filled('{"FIELD":"', '\\",', ""),
        "a key": filled('{"', "a", '":1}'),
    }


async def _held(caller: Caller, operation: Operation, body: bytes) -> float:
    """Seconds for which the longest turn of the event loop keeps the processor."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            begun = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - begun)

    watching = asyncio.create_task(watch())
    response = await caller.send(operation, body=body)
    watching.cancel()
    assert not [*faults(response), *document_faults(response, operation)]
    assert response.status_code in (400, 422)
    return longest


@pytest.mark.parametrize("operation", JSON_OPERATIONS, ids=str)
async def test_no_body_keeps_others_waiting(caller: Caller, operation: Operation) -> None:
    size = (1 << 14) if operation.scopes is None else (1 << 20)
    for field in caller.value(operation):
        for kind, body in _shapes(size, field).items():
            assert len(body) <= size
            # Another process may have emptied the processor's cache, or the collector has its day.
            held = [await _held(caller, operation, body)]
            while min(held) > HOLD_SECONDS and len(held) < 5:
                held.append(await _held(caller, operation, body))
            assert min(held) <= HOLD_SECONDS, f"{kind} in {field}: {held}"


@pytest.mark.parametrize("operation", FORM_OPERATIONS, ids=str)
async def test_no_form_keeps_others_waiting(caller: Caller, operation: Operation) -> None:
    size = (1 << 14) if operation.scopes is None else (1 << 20)
    for part in ("%41", "%", "+", "é", "%41é", "&", "=", "&a=", "a"):
        body = b"token=%41&x=" + part.encode() * ((size - 12) // len(part.encode()))
        held = [await _form_held(caller, operation, body) for _ in range(2)]
        assert min(held) <= HOLD_SECONDS, f"{part}: {held}"


async def _form_held(caller: Caller, operation: Operation, body: bytes) -> float:
    begun = time.thread_time()
    response = await caller.send(operation, body=body)
    assert not [*faults(response), *document_faults(response, operation)]
    return time.thread_time() - begun


async def test_more_names_and_values_than_anything_has_are_refused_unparsed(
    caller: Caller,
) -> None:
    [operation] = [operation for operation in JSON_OPERATIONS if operation.id == "create_todo"]
    for body in (
        b"[" + b"1," * 2_500 + b"1]",
        b"[" + b"[],[],{}," * 850 + b"1]",
        b"{" + b'"a":1,' * 1_250 + b'"b":1}',
        b"[" * 2_501,
        b'"" ' * 2_501,
    ):
        response = await caller.send(operation, body=body)
        assert response.status_code == 422, body[:20]
        assert response.json()["errors"] == [
            {
                "pointer": "",
                "code": "too_long",
                "message": "has too many names and values",
                "in": "body",
            }
        ]


async def test_text_may_have_any_number_of_what_parts_names_and_values(caller: Caller) -> None:
    [operation] = [operation for operation in JSON_OPERATIONS if operation.id == "create_todo"]
    for text in (",[{:" * 12_500, '"' * 50_000, '\\"' * 25_000, "\\" * 50_000, "\n," * 25_000):
        body = json.dumps({"title": "Long", "description": text}).encode()
        response = await caller.send(operation, body=body)
        assert response.status_code == 201, text[:4]
        assert response.json()["description"] == text
