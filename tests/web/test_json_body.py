"""Bodies as a whole: their encoding, their content type, their size, and which fields they have."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.web.answers import CANARY, document_faults, faults
from tests.web.callers import Caller
from tests.web.operations import FORM_OPERATIONS, JSON_OPERATIONS, OPERATIONS, Operation, resolved

LIMIT = 1 << 20
PUBLIC_LIMIT = 1 << 14
BODY = f'{{"title": "{CANARY}"}}'

NOT_UTF_8 = {
    "UTF-16": BODY.encode("utf-16"),
    "UTF-16, big end first": BODY.encode("utf-16-be"),
    "UTF-32": BODY.encode("utf-32"),
    "UTF-32, little end first": BODY.encode("utf-32-le"),
    "UTF-8 with a byte order mark": BODY.encode("utf-8-sig"),
    "Latin-1": f'{{"title": "caf\xe9 {CANARY}"}}'.encode("latin-1"),
    "a lone byte": b'{"title": "\xff"}',
    "an overlong slash": b'{"title": "\xc0\xaf"}',
    "a surrogate": b'{"title": "\xed\xa0\x80"}',
    "UTF-7": b"+AHsAIg-",
}
NOT_JSON = {
    "half of it": BODY[:-2].encode(),
    "two values": f"{BODY} {BODY}".encode(),
    "something after it": f"{BODY}x".encode(),
    "NUL after it": f"{BODY}\x00".encode(),
    "a comma too many": f'{{"title": "{CANARY}",}}'.encode(),
    "a key without quotes": f'{{title: "{CANARY}"}}'.encode(),
    "only white space": b" \n\t ",
    "only NUL": b"\x00",
    "a form": f"title={CANARY}".encode(),
    "XML": f"<title>{CANARY}</title>".encode(),
    "JSON lines": b'{"title": "a"}\n{"title": "b"}',
    "NaN alone": b"NaN",
    "a key twice": f'{{"title": "a", "title": "{CANARY}"}}'.encode(),
    "nested 2,000 deep": b"[" * 2_000 + b"]" * 2_000,
}
NOT_AN_OBJECT = {
    "an array": f'["{CANARY}"]',
    "an array of objects": f"[{BODY}]",
    "a text": f'"{CANARY}"',
    "an empty text": '""',
    "null": "null",
    "true": "true",
    "a number": "1",
}
each_json_operation = pytest.mark.parametrize("operation", JSON_OPERATIONS, ids=str)


@each_json_operation
@pytest.mark.parametrize("bodies", [NOT_UTF_8, NOT_JSON], ids=["encodings", "syntax"])
async def test_body_that_is_not_json_in_utf_8_is_malformed(
    caller: Caller, operation: Operation, bodies: dict[str, bytes]
) -> None:
    for name, body in bodies.items():
        response = await caller.send(operation, body=body)
        assert not [*faults(response), *document_faults(response, operation)], name
        assert (response.status_code, response.json()["code"]) == (400, "malformed_json"), name


@each_json_operation
async def test_body_that_is_no_object_is_not_valid(caller: Caller, operation: Operation) -> None:
    for name, body in NOT_AN_OBJECT.items():
        response = await caller.send(operation, body=body.encode())
        assert not [*faults(response), *document_faults(response, operation)], name
        assert (response.status_code, response.json()["code"]) == (422, "validation_failed"), name
        assert response.json()["errors"][0]["pointer"] == "", name


@each_json_operation
async def test_empty_body_is_not_valid(caller: Caller, operation: Operation) -> None:
    for content_type in (b"application/json", b"text/plain"):
        response = await caller.send(operation, body=b"", headers=[(b"Content-Type", content_type)])
        assert not list(faults(response))
        assert response.status_code == 422
        assert response.json()["errors"] == [
            {"pointer": "", "code": "required", "message": "is required", "in": "body"}
        ]


@each_json_operation
async def test_another_content_type_is_refused(caller: Caller, operation: Operation) -> None:
    for content_type in (
        b"text/plain",
        b"text/json",
        b"application/xml",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"multipart/form-data",
        b"application/octet-stream",
        b"application/jsonx",
        b"application/json, text/plain",
        b"application/json-patch+json",
        b"*/*",
        b"/",
        b";",
        b"",
        b"\xff\xfe",
        CANARY.encode(),
        b"application/" + b"x" * 10_000,
    ):
        response = await caller.send(operation, headers=[(b"Content-Type", content_type)])
        assert not [*faults(response), *document_faults(response, operation)], content_type
        assert response.status_code == 415, content_type
        assert response.json()["code"] == "unsupported_media_type"
        # A patch is documented in its own type, and taken as plain JSON too.
        assert set(response.headers["accept"].split(", ")) == {
            "application/json",
            *operation.contents,
        }


@each_json_operation
async def test_body_without_a_content_type_is_refused(caller: Caller, operation: Operation) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield BODY.encode()

    request = caller.person.client.build_request(operation.method, operation.path, content=body())
    assert "content-type" not in request.headers
    response = await caller.person.client.send(request)
    assert not list(faults(response))
    assert response.status_code == 415


@each_json_operation
async def test_content_type_may_be_written_in_any_way(caller: Caller, operation: Operation) -> None:
    for content_type in operation.contents:
        for form in (
            "{}",
            "{};",
            " {}; ",
            "{};charset=utf-8",
            '{} ; Charset="UTF-8";',
            "{}; charset=iso-8859-1",
            "{}; charset=utf-16",
            "{}; charset=",
            "{};odata=verbose;charset=UTF8",
        ):
            for spelling in (content_type, content_type.title(), content_type.upper()):
                header = (b"Content-Type", form.format(spelling).encode())
                response = await caller.send(operation, headers=[header])
                assert response.is_success, header


@each_json_operation
async def test_unknown_field_is_refused(caller: Caller, operation: Operation) -> None:
    for name in ("colour", "Title", "title ", "", "a/b~c", "é", "__proto__", "__class__"):
        body = json.dumps({**caller.value(operation), name: CANARY}).encode()
        response = await caller.send(operation, body=body)
        assert not [*faults(response), *document_faults(response, operation)], name
        assert response.status_code == 422, name
        assert response.json()["errors"] == [
            {
                "pointer": "/" + name.replace("~", "~0").replace("/", "~1"),
                "code": "unknown_field",
                "message": "is not known here",
                "in": "body",
            }
        ]


@each_json_operation
async def test_field_that_is_only_read_is_refused(caller: Caller, operation: Operation) -> None:
    answer = next(body for status, body in operation.responses.items() if status < "300")
    if "content" not in answer:
        return  # nothing comes back, so nothing is only read
    content = answer["content"]["application/json"]
    known = operation.body_schema["properties"]
    for name in resolved(content["schema"])["properties"].keys() - known.keys():
        body = json.dumps({**caller.value(operation), name: "x"}).encode()
        response = await caller.send(operation, body=body)
        assert not list(faults(response)), name
        assert response.status_code == 422, name
        assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [
            (f"/{name}", "unknown_field")
        ]


@each_json_operation
async def test_many_unknown_fields_make_a_short_answer(
    caller: Caller, operation: Operation
) -> None:
    size = _limit(operation) // 20
    for fields in (
        {f"field{number}": 1 for number in range(size)},
        {CANARY * size: 1},
        {f"{CANARY * 10}{number}": 1 for number in range(size // 8)},
    ):
        response = await caller.send(operation, body=json.dumps(fields).encode())
        assert not list(faults(response))
        assert response.status_code == 422
        assert len(response.content) < 20_000


@each_json_operation
async def test_body_as_large_as_may_be_is_read(caller: Caller, operation: Operation) -> None:
    await caller.ids(operation)
    response = await caller.send(operation, body=caller.body(operation).ljust(_limit(operation)))
    assert response.is_success, response.text


@pytest.mark.parametrize("operation", JSON_OPERATIONS + FORM_OPERATIONS, ids=str)
async def test_body_over_the_limit_is_too_large(caller: Caller, operation: Operation) -> None:
    limit = _limit(operation)
    response = await caller.send(operation, body=caller.body(operation).ljust(limit + 1))
    assert not [*faults(response), *document_faults(response, operation)]
    problem = response.json()
    assert (response.status_code, problem["code"]) == (413, "content_too_large")
    assert problem["params"] == {"max_bytes": limit}
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_body_said_to_be_large_is_not_waited_for(
    caller: Caller, operation: Operation
) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    for length in (b"52428800", b"9" * 30, b"0" * 30 + b"52428800"):
        response = await caller.send(operation, body=body(), headers=[(b"Content-Length", length)])
        assert not list(faults(response))
        assert response.status_code == 413


@pytest.mark.parametrize("operation", JSON_OPERATIONS + FORM_OPERATIONS, ids=str)
async def test_large_body_of_unknown_length_is_not_read_to_its_end(
    caller: Caller, operation: Operation
) -> None:
    sent, part = 0, 1 << 12

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 50 * LIMIT:
            sent += part
            yield b" " * part

    response = await caller.send(operation, body=body())
    assert not [*faults(response), *document_faults(response, operation)]
    assert response.status_code == 413
    assert sent == _limit(operation) + part


async def test_a_body_with_a_content_coding_is_415(caller: Caller) -> None:
    name = "Content-Encoding"
    for codings in (["gzip"], ["identity, gzip"], ["identity", "br"], ["x-identity"]):
        response = await caller.person.client.post(
            "/v1/todos",
            json={"title": "Book the train"},
            headers=[(name, coding) for coding in codings],
        )
        assert response.status_code == 415, codings
        assert response.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("operation", JSON_OPERATIONS + FORM_OPERATIONS, ids=str)
async def test_no_content_coding_may_be_written_in_any_way(
    caller: Caller, operation: Operation
) -> None:
    for coding in (b"identity", b"Identity", b" IDENTITY ", b"", b"identity,Identity"):
        response = await caller.send(operation, headers=[(b"Content-Encoding", coding)])
        assert response.is_success, coding


async def test_two_content_types_are_400(caller: Caller) -> None:
    response = await caller.person.client.post(
        "/v1/todos",
        content=b'{"title": "Book the train"}',
        headers=[("Content-Type", "application/json"), ("Content-Type", "text/plain")],
    )

    assert response.status_code == 400
    assert response.json()["code"] == "malformed_request"


def _limit(operation: Operation) -> int:
    """The bytes that its body may have."""
    return PUBLIC_LIMIT if operation.scopes is None else LIMIT
