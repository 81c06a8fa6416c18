"""Access tokens that are not ours, or not as we make them, sent to the running app."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from jose import jws
from jose.backends.base import Key

from app.core.clock import new_id
from tests.people import Person
from tests.web.answers import CANARY, faults

KEYS = ("iss", "sub", "aud", "exp", "iat", "jti", "sid", "scope")


class Forger:
    """Signs with the app's own key what the app would not."""

    def __init__(self, app: FastAPI, token: str) -> None:
        tokens = app.state.access_tokens
        self.key: Key = tokens._signing_key
        self.header: dict[str, Any] = jws.get_unverified_header(token)
        self.claims: dict[str, Any] = json.loads(_decode(token.split(".")[1]))

    def forge(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        return self.raw(json.dumps({**self.claims, **claims}), header)

    def without(self, name: str) -> str:
        claims = {key: value for key, value in self.claims.items() if key != name}
        return self.raw(json.dumps(claims))

    def raw(self, payload: str, header: dict[str, Any] | None = None) -> str:
        headers = json.dumps({**self.header, **(header or {})})
        signed = f"{_encode(headers.encode())}.{_encode(payload.encode())}"
        return f"{signed}.{_encode(self.key.sign(signed.encode()))}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _forgeries(forger: Forger, token: str) -> Iterator[tuple[str, str]]:
    header, payload, signature = token.split(".")
    for name in KEYS:
        yield f"without {name}", forger.without(name)
        others: list[Any] = [None, 1, "", [], {}, True, CANARY, [CANARY], {"a": CANARY}]
        for value in others:
            # Those are a time long ago, and scopes.
            if (name, repr(value)) in {("iat", "1"), ("scope", "''"), ("scope", repr(CANARY))}:
                continue
            yield f"{name} is {value!r}", forger.forge(None, **{name: value})
    now = int(time.time())
    wrong: list[tuple[str, Any]] = [
        ("exp", now - 60),
        ("exp", float(now + 60)),
        ("exp", str(now + 60)),
        ("exp", float("inf")),
        ("exp", float("nan")),
        ("exp", 10**30),
        ("exp", -(10**30)),
        ("iat", now + 3600),
        ("iat", float("inf")),
        ("nbf", now + 3600),
        ("nbf", float("nan")),
        ("sub", str(new_id()) + "\x00"),
        ("aud", ["tickbox", CANARY]),
        ("iss", f"https://{CANARY}.example"),
    ]
    for name, value in wrong:
        yield f"{name} is {value}", forger.forge(None, **{name: value})
    for key, value in (
        ("typ", "JWT"),
        ("typ", "rt+jwt"),
        ("typ", None),
        ("alg", "none"),
        ("alg", "HS256"),
        ("alg", "RS256"),
        ("alg", CANARY),
        ("alg", None),
        ("kid", CANARY),
        ("kid", None),
        ("kid", ["a"]),
        ("kid", "../../etc/passwd"),
        ("crit", ["exp"]),
        ("crit", [CANARY]),
    ):
        yield f"the header's {key} is {value}", forger.forge({key: value})
    yield "deeply nested claims", forger.raw('{"a":' * 400 + "1" + "}" * 400)
    yield "deeply nested arrays", forger.raw("[" * 1_300 + "]" * 1_300)
    yield "claims that are no object", forger.raw(f'"{CANARY}"')
    yield "claims that are no JSON", forger.raw(CANARY)
    yield "claims twice", forger.raw(json.dumps(forger.claims)[:-1] + ', "exp": 99999999999')
    deep = _encode(b"[" * 1_400 + b"]" * 1_400)
    yield "a deeply nested header", f"{deep}.{payload}.{signature}"
    yield "a header that is no object", f"{_encode(b'[]')}.{payload}.{signature}"
    yield "no signature", f"{header}.{payload}."
    yield "another signature", f"{header}.{payload}.{_encode(bytes(64))}"
    yield "a long signature", f"{header}.{payload}.{_encode(bytes(2_000))}"
    no_algorithm = _encode(b'{"alg": "none"}')
    yield "no algorithm", f"{no_algorithm}.{payload}."
    yield "padding", token + "=="
    yield "something after it", token + "!!"
    yield "other bits at its end", token[:-1] + chr(ord(token[-1]) ^ 1)
    yield "four parts", f"{token}.{signature}"
    yield "five parts", f"{header}.{header}.{payload}.{payload}.{signature}"
    yield "in quotes", f'"{token}"'
    yield "very long", token + "a" * 100_000
    yield "very long claims", forger.forge(scope="todos:read " * 1_000)


async def test_no_forged_token_is_taken(app: FastAPI, ada: Person, client: AsyncClient) -> None:
    token = ada.tokens["access_token"]
    forger = Forger(app, token)
    for name, forged in _forgeries(forger, token):
        response = await client.get("/v1/users/me", headers={"Authorization": f"Bearer {forged}"})
        assert not list(faults(response)), name
        assert response.status_code == 401, name
        assert response.json()["code"] == "invalid_token", name


async def test_forger_could_make_a_good_one(app: FastAPI, ada: Person, client: AsyncClient) -> None:
    """Else the forgeries would all be refused for the same reason."""
    token = Forger(app, ada.tokens["access_token"]).forge(jti=str(new_id()))
    response = await client.get("/v1/users/me", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200


@pytest.mark.parametrize("kind", ["refresh_token", "scope", "token_type"])
async def test_what_is_no_access_token_is_not_taken_for_one(
    ada: Person, client: AsyncClient, kind: str
) -> None:
    authorization = f"Bearer {ada.tokens[kind]}"
    response = await client.get("/v1/users/me", headers={"Authorization": authorization})
    assert not list(faults(response))
    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")
