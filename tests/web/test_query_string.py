"""Parameters of the query and the path: none is ignored, none is believed."""

from urllib.parse import quote

import pytest

from tests.web.answers import CANARY, document_faults, faults
from tests.web.callers import Caller
from tests.web.operations import OPERATIONS, Operation, resolved

TEXTS = {
    "nothing": "",
    "a space": "%20",
    "NUL": f"a%00{CANARY}",
    "a line break": f"%0d%0aX-Injected:%20{CANARY}",
    "a bare percent sign": f"%{CANARY}",
    "half an escape": f"%4{CANARY}",
    "an escape twice": f"%2500{CANARY}",
    "a slash": f"%2f{CANARY}",
    "dots and slashes": f"%2e%2e%2f%2e%2e%2fetc%2f{CANARY}",
    "a question mark": f"%3f{CANARY}",
    "a fragment": f"%23{CANARY}",
    "a semicolon": f";{CANARY}",
    "a bracket": f"%5b{CANARY}",
    "braces": f"%7b{CANARY}%7d",
    "an emoji": f"{quote('👩‍👩‍👧‍👦')}{CANARY}",
    "right to left": f"%e2%80%ae{CANARY}",
    "invisible": quote("\u200b\ufeff"),
    "a noncharacter": quote("\uffff"),
    "full width digits": quote("\uff15"),
    "SQL": f"%27; DROP TABLE todos; --{CANARY}",
    "placeholders": f"{quote('$1 %s {0} :id')}{CANARY}",
    "-1": "-1",
    "0": "0",
    "2**31": str(2**31),
    "2**63": str(2**63),
    "2**64": str(2**64),
    "-2**63 - 1": str(-(2**63) - 1),
    "10,000 digits": "9" * 10_000,
    "a fraction": "1.5",
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "hexadecimal": "0x10",
    "true": "true",
    "null": "null",
    "JSON": f"%7b%22a%22:%5b{CANARY}",
    "none": "none",
    "nil": "00000000-0000-0000-0000-000000000000",
    "all ones": "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "an id in braces": "%7B01936b7e-8f00-7000-8000-000000000000%7D",
    "an id as a URN": "urn:uuid:01936b7e-8f00-7000-8000-000000000000",
    "an id without dashes": "01936b7e8f0070008000000000000000",
    "the year 1": "0001-01-01",
    "the year 9999": "9999-12-31T23:59:59.999Z",
    "50,000 characters": CANARY + "x" * 50_000,
}
# Not UTF-8, once it is decoded.
NOT_UTF_8 = ["%ff", "a%fe%ffb", "%c0%af", "%ed%a0%80", "%f4%90%80%80", "%e2%82", "%80"]

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)
each_with_query = pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS if operation.parameters("query")], ids=str
)
each_with_path = pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS if operation.parameters("path")], ids=str
)


@each_operation
async def test_unknown_query_parameter_is_refused(caller: Caller, operation: Operation) -> None:
    for query in (f"colour={CANARY}", "colour", "Limit=1", "limit%20=1", f"={CANARY}", "%00=1"):
        response = await caller.send(operation, query=query)
        assert not [*faults(response), *document_faults(response, operation)], query
        if operation.is_oauth:
            assert response.json()["error"] == "invalid_request"
        else:
            assert response.status_code == 422
            [error] = response.json()["errors"]
            assert (error["code"], error["in"]) == ("unknown_parameter", "query")


@each_operation
async def test_query_that_is_not_utf_8_is_refused(caller: Caller, operation: Operation) -> None:
    names = ["colour", *operation.parameters("query")]
    for query in [f"{name}={text}" for name in names for text in NOT_UTF_8] + ["%ff=1", "%ff"]:
        response = await caller.send(operation, query=query)
        assert not [*faults(response), *document_faults(response, operation)], query
        assert response.status_code == (400 if operation.is_oauth else 422), query


@each_operation
async def test_large_query_is_refused(caller: Caller, operation: Operation) -> None:
    for query in (
        "&".join(f"field{number}={CANARY}" for number in range(2_000)),
        f"colour={CANARY * 4_000}",
        "colour=1&" * 1_000,
    ):
        response = await caller.send(operation, query=query)
        assert not [*faults(response), *document_faults(response, operation)]
        assert response.status_code == (400 if operation.is_oauth else 422)
        assert len(response.content) < 50_000


@each_operation
async def test_query_of_nothing_is_none(caller: Caller, operation: Operation) -> None:
    for query in ("", "&", "&&&"):
        response = await caller.send(operation, query=query)
        assert not [*faults(response), *document_faults(response, operation)], query
        assert response.status_code < 300


@each_with_query
async def test_only_a_list_may_be_given_twice(caller: Caller, operation: Operation) -> None:
    for name, parameter in operation.parameters("query").items():
        text = _valid(parameter["schema"])
        once = await caller.send(operation, query=f"{name}={text}")
        twice = await caller.send(operation, query=f"{name}={text}&{name}={text}")
        assert not [*faults(twice), *document_faults(twice, operation)], name
        if parameter["schema"].get("type") == "array":
            assert (once.status_code, twice.status_code) == (200, 200), name
        else:
            assert twice.status_code == 422
            assert twice.json()["errors"] == [
                {
                    "pointer": f"/{name}",
                    "code": "repeated",
                    "message": "must not be given more than once",
                    "in": "query",
                }
            ]


@each_with_query
async def test_no_text_in_the_query_breaks_anything(caller: Caller, operation: Operation) -> None:
    wrong = []
    for name in operation.parameters("query"):
        for kind, text in TEXTS.items():
            response = await caller.send(operation, query=f"{name}={text}")
            found = [*faults(response), *document_faults(response, operation)]
            wrong += [f"{kind} in {name}: the answer {fault}" for fault in found]
    assert not wrong


@each_with_query
async def test_number_out_of_range_is_not_clamped(caller: Caller, operation: Operation) -> None:
    for name, parameter in operation.parameters("query").items():
        schema = parameter["schema"]
        if schema.get("type") == "integer":
            for number in (schema["minimum"] - 1, schema["maximum"] + 1, 2**63, -(10**30)):
                response = await caller.send(operation, query=f"{name}={number}")
                assert not list(faults(response))
                assert response.status_code == 422
                [error] = response.json()["errors"]
                assert (error["pointer"], error["code"]) == (f"/{name}", "out_of_range")


@each_with_path
async def test_no_text_in_the_path_breaks_anything(caller: Caller, operation: Operation) -> None:
    wrong = []
    for name in operation.parameters("path"):
        texts = {**TEXTS, **{text: text for text in NOT_UTF_8}}
        for kind, text in texts.items():
            response = await caller.send(operation, path={name: text})
            found = list(faults(response))
            if response.status_code not in (404, 405, 422):
                found.append(f"is {response.status_code}")
            # Some of them lead elsewhere.
            elif response.json()["code"] not in ("route_not_found", "method_not_allowed"):
                found += document_faults(response, operation)
            wrong += [f"{kind} in {name}: the answer {fault}" for fault in found]
    assert not wrong


@pytest.mark.parametrize("text", [*TEXTS.values(), *NOT_UTF_8], ids=[*TEXTS, *NOT_UTF_8])
async def test_no_address_breaks_anything(caller: Caller, text: str) -> None:
    for address in (
        "/{}",
        "/v1/{}",
        "/docs/assets/{}",
        "/.well-known/{}",
        "//{}/",
        "/v1/todos/{}/",
    ):
        response = await caller.person.get("http://tickbox" + address.format(text))
        assert not list(faults(response)), address
        assert response.status_code == 404 or not text, address


def _valid(schema: dict[str, object]) -> str:
    """A text that a parameter of this schema may be, if it is no cursor."""
    items = schema.get("items")
    if isinstance(items, dict):
        return _valid(resolved(items))
    for key in ("examples", "enum"):
        if key in schema:
            values = schema[key]
            assert isinstance(values, list)
            return str(values[0])
    if schema.get("format") == "uuid":
        return "01936b7e-8f00-7000-8000-000000000000"
    return {"integer": "1", "boolean": "true"}.get(str(schema.get("type")), "text")


@pytest.mark.parametrize(
    "query",
    ["limit=5.0", "limit=1_0", "limit=%2B5", "limit=%205", "limit=", "limit=5e0", "limit=%D9%A5"],
)
async def test_only_digits_are_a_number(caller: Caller, query: str) -> None:
    response = await caller.person.get(f"/v1/todos?{query}")

    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert (error["pointer"], error["code"], error["in"]) == ("/limit", "wrong_type", "query")


@pytest.mark.parametrize("text", ["yes", "1", "on", "True", "TRUE", ""])
async def test_only_true_and_false_are_a_boolean(caller: Caller, text: str) -> None:
    for url, name in (("/v1/todos", "completed"), ("/v1/projects", "archived")):
        response = await caller.person.get(url, params={name: text})

        assert response.status_code == 422, url
        [error] = response.json()["errors"]
        assert (error["pointer"], error["code"]) == (f"/{name}", "wrong_type")


async def test_a_query_has_no_end_of_parameters(caller: Caller) -> None:
    response = await caller.person.get("/v1/todos?" + "&".join(["priority=high"] * 201))

    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert (error["pointer"], error["code"], error["in"]) == ("", "too_long", "query")
