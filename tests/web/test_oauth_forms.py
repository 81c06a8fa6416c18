"""What OAuth clients may send, and how they are told that it is wrong (RFC 6749, section 5.2)."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from httpx import Response

from tests.people import PASSWORD
from tests.web.answers import CANARY, document_faults, faults
from tests.web.callers import Caller
from tests.web.operations import FORM_OPERATIONS, Operation

TEXTS = {
    "nothing": "",
    "only spaces": "+++",
    "NUL": f"a%00{CANARY}",
    "only NUL": "%00",
    "a lone byte": f"%ff{CANARY}",
    "a surrogate": f"%ed%a0%80{CANARY}",
    "an overlong slash": f"%c0%af{CANARY}",
    "beyond Unicode": f"%f4%90%80%80{CANARY}",
    "half a character": f"%e2%82{CANARY}",
    "half an escape": f"%4{CANARY}",
    "a bare percent sign": f"%{CANARY}",
    "a line break": f"%0d%0aX-Injected:+{CANARY}",
    "an emoji": f"%f0%9f%91%a9{CANARY}",
    "raw bytes": f"\xff\xfe\x80{CANARY}",
    "a raw NUL": f"a\x00{CANARY}",
    "a semicolon": f"a;b={CANARY}",
    "SQL": f"'; DROP TABLE users; --{CANARY}",
    "markup": f"<script>{CANARY}</script>",
    "4,096 characters": CANARY.ljust(4_096, "x"),
    "4,097 characters": CANARY.ljust(4_097, "x"),
    "15,000 characters": CANARY.ljust(15_000, "x"),
}
OTHERS = {
    "create_token": {"grant_type": "refresh_token", "refresh_token": f"tbr_{CANARY}"},
    "revoke_token": {"token": CANARY, "token_type_hint": "access_token"},
    "introspect_token": {"token": CANARY, "token_type_hint": "access_token"},
}

pytestmark = pytest.mark.parametrize("operation", FORM_OPERATIONS, ids=str)


def _faults(response: Response, operation: Operation) -> list[str]:
    found = [*faults(response), *document_faults(response, operation)]
    if response.is_error and response.headers["content-type"] != "application/json":
        found.append("is no OAuth error")
    # RFC 6749, section 5.2: visible ASCII, without these two.
    if response.is_error and set(response.json()["error_description"]) & set('"\\'):
        found.append("has a description that RFC 6749 does not allow")
    return found


async def test_no_text_in_a_form_breaks_anything(caller: Caller, operation: Operation) -> None:
    wrong = []
    sign_in, other = caller.form(operation), OTHERS[operation.id]
    # Each sign-in hashes a password: fields that it does not use are tried with the other form.
    for form, names in ((sign_in, [*sign_in, "scope"]), (other, operation.form_fields)):
        for name in names:
            for kind, text in TEXTS.items():
                rest = urlencode({key: value for key, value in form.items() if key != name})
                body = f"{rest}&{name}={text}".encode("latin-1")
                response = await caller.send(operation, body=body)
                found = _faults(response, operation)
                wrong += [f"{kind} in {name}: the answer {fault}" for fault in found]
    assert not wrong


async def test_parameter_given_twice_is_an_invalid_request(
    caller: Caller, operation: Operation
) -> None:
    form = caller.form(operation)
    for name in [*operation.form_fields, "unknown", "%75nknown"]:
        for second in ("", CANARY, form.get(name, "x")):
            first = urlencode({name.replace("%75", "u"): "x", **form})
            body = f"{first}&{name}={second}"
            response = await caller.send(operation, body=body.encode())
            assert not _faults(response, operation), name
            assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_unknown_parameter_is_ignored(caller: Caller, operation: Operation) -> None:
    for name in ("unknown", "Password", "__class__", "%00", "", "x[]", "x" * 10_000, "é"):
        form = urlencode(caller.form(operation))
        response = await caller.send(operation, body=f"{form}&{name}={CANARY}".encode())
        assert not _faults(response, operation), name
        assert response.status_code == 200, name


async def test_hundreds_of_parameters_are_an_invalid_request(
    caller: Caller, operation: Operation
) -> None:
    many = "&".join(f"field{number}={CANARY}" for number in range(600))
    response = await caller.send(
        operation, body=f"{urlencode(caller.form(operation))}&{many}".encode()
    )
    assert not _faults(response, operation)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_body_that_is_no_form_is_an_invalid_request(
    caller: Caller, operation: Operation
) -> None:
    form = urlencode(caller.form(operation)).encode()
    for content_type, body in (
        (b"application/json", b'{"grant_type": "password"}'),
        (b"application/json", form),
        (b"multipart/form-data; boundary=x", b"--x--"),
        (b"multipart/form-data", form),
        (b"text/plain", form),
        (b"application/x-www-form-urlencoded; charset=utf-16", form.decode().encode("utf-16")),
        (b"", form),
        (b"\xff", form),
        (b"application/x-www-form-urlencoded", b""),
        (b"application/x-www-form-urlencoded", b"&&&"),
        (b"application/x-www-form-urlencoded", b"="),
        (b"application/x-www-form-urlencoded", b'{"grant_type": "password"}'),
        (b"application/x-www-form-urlencoded", b"\x00"),
        (b"application/x-www-form-urlencoded", f'{{"password": "{PASSWORD}"}}'.encode()),
    ):
        response = await caller.send(
            operation, body=body, headers=[(b"Content-Type", content_type)]
        )
        assert not _faults(response, operation), (content_type, body)
        assert PASSWORD not in response.text
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_form_without_a_content_type_is_an_invalid_request(
    caller: Caller, operation: Operation
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield urlencode(caller.form(operation)).encode()

    client = caller.person.client
    response = await client.post(operation.path, content=body())
    assert not _faults(response, operation)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_credentials_may_be_sent_by_anybody(caller: Caller, operation: Operation) -> None:
    """Swagger UI sends an empty client by HTTP Basic, and some clients an old access token."""
    for value in (b"Basic Og==", b"Bearer " + CANARY.encode(), b"\xff"):
        response = await caller.send(operation, headers=[(b"Authorization", value)])
        if operation.scopes is None:
            assert not _faults(response, operation)
            assert response.status_code == 200
        else:
            # Where they are asked for, they are judged as everywhere (RFC 7662, section 2.3).
            assert not [*faults(response), *document_faults(response, operation)]
            assert response.status_code == 401


async def test_answer_is_not_to_be_stored(caller: Caller, operation: Operation) -> None:
    for body in (None, b"grant_type=password", b"x=1&x=1"):
        response = await caller.send(operation, body=body)
        assert response.headers["cache-control"] == "no-store"
