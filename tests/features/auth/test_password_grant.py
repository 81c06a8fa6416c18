"""`POST /v1/oauth/token` with a password: who gets tokens, and what the others are told."""

import base64
import unicodedata
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import argon2
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.features.routes import SCOPES
from tests.apps import client_of
from tests.people import PASSWORD, Person, sign_in, sign_up
from tests.web.answers import SECURITY_HEADERS

TOKEN = "/v1/oauth/token"
ALL = " ".join(sorted(SCOPES))


@pytest.fixture(scope="module")
async def ada(app: FastAPI) -> AsyncIterator[Person]:
    """Nothing here changes her."""
    async with sign_up(app, "Ada") as person:
        yield person


async def grant(client: AsyncClient, **fields: Any) -> Response:
    return await client.post(
        TOKEN, data={"grant_type": "password", "username": "", "password": PASSWORD, **fields}
    )


async def test_answers_as_rfc_6749_says(client: AsyncClient, ada: Person) -> None:
    response = await grant(client, username=ada.user["email"])

    tokens = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    assert tokens == {
        "access_token": tokens["access_token"],
        "token_type": "Bearer",
        "expires_in": 900,
        "refresh_token": tokens["refresh_token"],
        "scope": ALL,
    }
    assert tokens["refresh_token"].startswith("tbr_")


async def test_is_sent_by_swagger_ui_with_an_empty_client(client: AsyncClient, ada: Person) -> None:
    response = await grant(
        client,
        username=ada.user["email"],
        scope="todos:read todos:write",
        client_id="",
        client_secret="",
    )
    assert response.status_code == 200
    assert response.json()["scope"] == "todos:read todos:write"


async def test_is_sent_by_swagger_ui_with_the_client_in_a_header(
    client: AsyncClient, ada: Person
) -> None:
    credentials = base64.b64encode(b"swagger:").decode()
    response = await client.post(
        TOKEN,
        data={"grant_type": "password", "username": ada.user["email"], "password": PASSWORD},
        headers={"Authorization": f"Basic {credentials}", "X-Requested-With": "XMLHttpRequest"},
    )
    assert response.status_code == 200


async def test_takes_a_password_however_its_letters_are_composed(client: AsyncClient) -> None:
    email, password = f"zoe-{uuid4().hex}@example.com", "Zoë läßt den Gärten Zeit"
    signed_up = await client.post("/v1/users", json={"email": email, "password": password})
    assert signed_up.status_code == 201

    decomposed = unicodedata.normalize("NFD", password)
    assert decomposed != password
    assert (await grant(client, username=email, password=decomposed)).status_code == 200


class TestRefusal:
    @pytest.fixture
    def computed(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The cost of each Argon2 computation."""
        costs: list[str] = []
        verify = argon2.low_level.verify_secret

        def counted(password_hash: bytes, *arguments: Any) -> bool:
            costs.append(password_hash.decode().rsplit("$", 2)[0])
            return verify(password_hash, *arguments)

        monkeypatch.setattr(argon2.low_level, "verify_secret", counted)
        return costs

    @pytest.mark.parametrize(
        ("username", "password"),
        [
            ("{email}", "wrong horse battery staple"),
            ("{email}", PASSWORD.upper()),
            ("{email}", PASSWORD + " "),
            ("{email}", "x" * 4096),
            ("{email}", "nul\0nul"),
            ("nobody@example.com", PASSWORD),
            ("nobody", PASSWORD),
            ("nul\0@example.com", PASSWORD),
            ("x" * 4096, PASSWORD),
            ("{email}%", PASSWORD),
            ("' OR 1=1 --", PASSWORD),
        ],
    )
    async def test_looks_and_costs_the_same_for_every_reason(
        self, client: AsyncClient, ada: Person, computed: list[str], username: str, password: str
    ) -> None:
        username = username.format(email=ada.user["email"])
        computed.clear()
        response = await grant(client, username=username, password=password)

        assert response.status_code == 400
        assert response.json() == {
            "error": "invalid_grant",
            "error_description": "The credentials are not valid",
        }
        limits = {name for name in response.headers if name.startswith("ratelimit")}
        assert {name: response.headers[name] for name in response.headers.keys() - limits} == {
            "cache-control": "no-store",
            "content-type": "application/json",
            "content-length": str(len(response.content)),
            "x-request-id": response.headers["x-request-id"],
            **SECURITY_HEADERS,
        }
        assert computed == ["$argon2id$v=19$m=19456,t=2,p=1"]

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"grant_type": None}, "invalid_request"),
            ({"grant_type": ""}, "invalid_request"),
            ({"grant_type": "implicit"}, "unsupported_grant_type"),
            ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
            ({"username": None}, "invalid_request"),
            ({"username": ""}, "invalid_request"),
            ({"password": None}, "invalid_request"),
            ({"password": "x" * 4097}, "invalid_request"),
            ({"username": ["ada@example.com", "bob@example.com"]}, "invalid_request"),
            ({"password": [PASSWORD, PASSWORD]}, "invalid_request"),
            ({"grant_type": ["password", "refresh_token"]}, "invalid_request"),
            ({"scope": ["todos:read", "todos:write"]}, "invalid_request"),
            ({"unknown": ["", ""]}, "invalid_request"),
            ({f"unknown{number}": "" for number in range(200)}, "invalid_request"),
        ],
    )
    async def test_of_a_bad_request_says_what_is_wrong_as_rfc_6749_does(
        self, client: AsyncClient, computed: list[str], fields: dict[str, Any], error: str
    ) -> None:
        form = {"grant_type": "password", "username": "ada@example.com", "password": PASSWORD}
        sent = {name: value for name, value in (form | fields).items() if value is not None}
        response = await client.post(TOKEN, data=sent)

        assert response.status_code == 400
        assert response.headers["content-type"] == "application/json"
        assert response.headers["cache-control"] == "no-store"
        assert set(response.json()) == {"error", "error_description"}
        assert response.json()["error"] == error
        assert PASSWORD not in response.text
        assert computed == []

    @pytest.mark.parametrize(
        ("content", "media_type"),
        [
            (b"", "application/x-www-form-urlencoded"),
            (b'{"grant_type": "password"}', "application/json"),
            (b"grant_type=password", "text/plain"),
            (
                b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n--x--',
                "multipart/form-data; boundary=x",
            ),
        ],
    )
    async def test_of_what_is_no_form_is_an_invalid_request(
        self, client: AsyncClient, content: bytes, media_type: str
    ) -> None:
        response = await client.post(TOKEN, content=content, headers={"Content-Type": media_type})
        assert response.status_code == 400
        assert response.json()["error"] == "invalid_request"


class TestScope:
    @pytest.mark.parametrize(
        ("asked", "granted"),
        [
            ("todos:read", "todos:read"),
            ("todos:write todos:read", "todos:read todos:write"),
            ("todos:read todos:read", "todos:read"),
            (ALL, ALL),
            ("", ALL),
            ("  ", ALL),
        ],
    )
    async def test_is_what_was_asked_for(
        self, client: AsyncClient, ada: Person, asked: str, granted: str
    ) -> None:
        tokens = await sign_in(client, ada.user["email"], scope=asked)
        assert tokens["scope"] == granted

    @pytest.mark.parametrize(
        "scope",
        ["admin", "todos:read admin", "Todos:Read", "todos:*", "\0", "todos:read\ttodos:write"],
    )
    async def test_that_is_unknown_is_refused_whoever_asks(
        self, client: AsyncClient, ada: Person, scope: str
    ) -> None:
        refusals = [
            await grant(client, username=ada.user["email"], scope=scope),
            await grant(client, username="nobody@example.com", scope=scope),
        ]
        assert {response.status_code for response in refusals} == {400}
        assert {response.json()["error"] for response in refusals} == {"invalid_scope"}

    async def test_is_what_the_token_permits(self, app: FastAPI, ada: Person) -> None:
        tokens = await sign_in(ada.client, ada.user["email"], scope="todos:read")
        async with client_of(app, tokens["access_token"]) as client:
            permitted = await client.get("/v1/todos")
            refused = await client.post("/v1/todos", json={"title": "Book the train"})

        assert permitted.status_code == 200
        assert refused.status_code == 403
        assert refused.json()["code"] == "insufficient_scope"
        assert refused.json()["params"] == {"scope": "todos:write"}
