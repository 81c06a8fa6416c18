"""Headers: what is wrong in one is refused or makes no difference, and never more than that."""

import itertools
import re
from collections.abc import Sequence

import pytest

from tests.web.answers import CANARY, document_faults, faults
from tests.web.callers import Caller, Header
from tests.web.operations import OPERATIONS, SECURED_OPERATIONS, Operation

GARBAGE = [
    b"",
    b" ",
    b",",
    b",,,;=",
    b"*/*;q=" + CANARY.encode(),
    b"\xff\xfe\x80",
    "é👩‍👩‍👧‍👦".encode(),
    b"\x01\x1b[31m",
    b'"' + CANARY.encode(),
    b"'; DROP TABLE todos; --",
    b"%00%ff",
    b"(" * 5_000,
    b"9" * 5_000,
    CANARY.encode() * 10_000,
]
# Nothing that Tickbox goes by.
IGNORED = [
    b"Accept",
    b"Accept-Charset",
    b"Accept-Encoding",
    b"Accept-Language",
    b"Cache-Control",
    b"Cookie",
    b"Expect",
    b"Forwarded",
    b"If-Modified-Since",
    b"If-Range",
    b"If-Unmodified-Since",
    b"Origin",
    b"Range",
    b"Referer",
    b"TE",
    b"Traceparent",
    b"User-Agent",
    b"X-Forwarded-For",
    b"X-Forwarded-Host",
    b"X-Forwarded-Prefix",
    b"X-Forwarded-Proto",
    b"X-HTTP-Method-Override",
    b"X-Original-URL",
]

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)
# Each kind of body that is read, and none.
each_kind = pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if each.id in {"list_todos", "create_todo", "create_token"}],
    ids=str,
)
each_secured = pytest.mark.parametrize("operation", SECURED_OPERATIONS, ids=str)


def _share(values: Sequence[bytes], operation: Operation) -> Sequence[bytes]:
    """A third of the values; the next operation gets the next third, so that each value is met by
    many operations, and each operation by many values."""
    return values[OPERATIONS.index(operation) % 3 :: 3]


@each_operation
async def test_headers_that_say_nothing_are_ignored(caller: Caller, operation: Operation) -> None:
    for start in range(0, len(GARBAGE), 5):
        values = itertools.cycle(GARBAGE[start:] + GARBAGE[:start])
        headers = list(zip(IGNORED, values, strict=False))
        response = await caller.send(operation, headers=headers)
        assert not [*faults(response), *document_faults(response, operation)], headers
        assert response.is_success, headers


# RFC 3986, section 3.2.2, has it that these are some.
HOSTS = [b",", b",,,;=", b"%00%ff", b"(" * 5_000, b"9" * 5_000, CANARY.encode() * 10_000]
NO_HOSTS = [value for value in GARBAGE if value not in HOSTS]
NO_HOSTS += [b"[", b"[::1", b"a:b:c", b"a/b?c#d", b"a@b"]
HOSTS += [b"..", b"tickbox:", b"tickbox:99999", b"[::1]:80"]


@each_operation
async def test_no_host_breaks_anything(caller: Caller, operation: Operation) -> None:
    for value in _share(HOSTS, operation):
        response = await caller.send(operation, headers=[(b"Host", value)])
        assert not [*faults(response), *document_faults(response, operation)], value
        assert response.is_success, value
        assert CANARY not in str(response.headers)
    for value in _share(NO_HOSTS, operation):
        response = await caller.send(operation, headers=[(b"Host", value)])
        # Any request may be none, and so no operation tells of it.
        assert not list(faults(response)), value
        assert (response.status_code, response.json()["code"]) == (400, "malformed_request")


async def test_no_host_breaks_what_is_nowhere(caller: Caller) -> None:
    for value in [*HOSTS, *NO_HOSTS]:
        for method, path, status in (("GET", "/v1/nowhere", 404), ("PUT", "/v1/todos", 405)):
            response = await caller.person.client.request(method, path, headers=[(b"Host", value)])
            assert not list(faults(response)), value
            assert response.status_code == (status if value in HOSTS else 400)
            if response.status_code == 405:
                assert response.headers["allow"] == "GET, HEAD, POST"


@each_kind
async def test_two_thousand_headers_are_ignored(caller: Caller, operation: Operation) -> None:
    headers = [(f"X-{CANARY}-{number}".encode(), b"x") for number in range(2_000)]
    response = await caller.send(operation, headers=headers)
    assert not list(faults(response))
    assert response.is_success


@each_operation
async def test_sane_request_id_comes_back(caller: Caller, operation: Operation) -> None:
    for value in ("7", "01936b7e-8f00-7000-8000-000000000000", "a.b_c~d+e/f=", "x" * 128):
        header = (b"X-Request-Id", value.encode())
        for headers, query in (([header], ""), ([header], "colour=1"), ([header, header], "")):
            response = await caller.send(operation, headers=headers, query=query)
            assert not list(faults(response))
            assert response.headers.get_list("x-request-id") == [value]


@each_operation
async def test_other_request_ids_are_replaced(caller: Caller, operation: Operation) -> None:
    values = [*GARBAGE, b"x" * 129, b"a b", b"a,b", b'a"b', b"<b>", b"a\tb", b"a;b"]
    for value in _share(values, operation):
        response = await caller.send(operation, headers=[(b"X-Request-Id", value)])
        assert not list(faults(response)), value
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", _id(response.headers))


@each_secured
async def test_two_authorizations_are_malformed(caller: Caller, operation: Operation) -> None:
    valid = caller.person.client.headers["Authorization"].encode()
    for others in ([valid], [b"Bearer x"], [b"Basic eA=="], [b""], [valid, valid]):
        for values in ([valid, *others], [*others, valid]):
            headers = [(b"Authorization", value) for value in values]
            response = await caller.send(operation, headers=headers)
            assert not [*faults(response), *document_faults(response, operation)]
            problem = response.json()
            assert (response.status_code, problem["code"]) == (400, "malformed_request")
            assert response.headers["www-authenticate"] == 'Bearer error="invalid_request"'


@each_secured
async def test_no_credentials_are_not_guessed(caller: Caller, operation: Operation) -> None:
    for value in (b"", b" ", b"Basic eDp5", b"Digest " + CANARY.encode(), b"BearerX y", b"\xff"):
        response = await caller.send(operation, headers=[(b"Authorization", value)])
        assert not [*faults(response), *document_faults(response, operation)], value
        problem = response.json()
        assert (response.status_code, problem["code"]) == (401, "not_authenticated"), value
        assert response.headers["www-authenticate"] == "Bearer"


@each_secured
async def test_no_garbage_is_a_token(caller: Caller, operation: Operation) -> None:
    valid = caller.person.tokens["access_token"].encode()
    spellings = [valid + b"==", valid + b"!!", valid + b" x", valid + b"," + valid, valid[:-1]]
    spellings += [valid.swapcase(), valid + b".", b"." + valid, b"..."]
    for value in _share([*GARBAGE, *spellings], operation):
        response = await caller.send(operation, headers=[(b"Authorization", b"Bearer " + value)])
        assert not [*faults(response), *document_faults(response, operation)], value
        assert (response.status_code, response.json()["code"]) == (401, "invalid_token"), value
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@each_secured
async def test_scheme_may_be_written_in_any_way(caller: Caller, operation: Operation) -> None:
    for scheme in (b"bearer ", b"BEARER ", b"Bearer   "):
        value = scheme + caller.person.tokens["access_token"].encode()
        response = await caller.send(operation, headers=[(b"Authorization", value)])
        assert response.is_success, scheme


@each_operation
async def test_length_that_is_no_number_is_malformed(caller: Caller, operation: Operation) -> None:
    values = (b"-1", b"+1", b"1.0", b"1e3", b"0x10", b"1_0", b"1 1", b"", b"\xb2", b"1,1")
    for value in _share(values, operation):
        response = await caller.send(operation, body=b"{}", headers=[(b"Content-Length", value)])
        assert not list(faults(response)), value
        assert (response.status_code, response.json()["code"]) == (400, "malformed_request"), value


async def test_no_precondition_breaks_anything(caller: Caller) -> None:
    tags = [
        b'"1',
        b'1"',
        b'"',
        b'""',
        b"1",
        b'"+1"',
        b'"-1"',
        b'"\xb2"',
        b'"99999999999999999999"',
    ]
    for operation in OPERATIONS:
        for name in {"If-Match", "If-None-Match"} & operation.parameters("header").keys():
            for value in _share([*GARBAGE, *tags], operation):
                for headers in _lists(name.encode(), value):
                    response = await caller.send(operation, headers=headers)
                    assert not [*faults(response), *document_faults(response, operation)], value
                    # What is no ETag of ours matches nothing.
                    assert response.status_code == (412 if name == "If-Match" else 200), value


def _lists(name: bytes, value: bytes) -> list[list[Header]]:
    return [[(name, value)], [(name, value), (name, value)], [(name, value + b', "0", ' + value)]]


def _id(headers: object) -> str:
    return str(headers["x-request-id"])  # type: ignore[index]
