"""Forged headers: who sends them is taken for nobody else, and gets no other answer."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from app.core.settings import Settings
from tests.apps import running
from tests.people import PASSWORD, Person, sign_in

PROXY = "10.0.0.7"
CLIENT = "203.0.113.7"
FORGED = "198.51.100.66"
FOR = "X-Forwarded-For"
METADATA = "/.well-known/oauth-authorization-server"


def through(app: FastAPI, peer: str, **headers: str) -> AsyncClient:
    """A client whose connection comes from there."""
    return AsyncClient(
        transport=ASGITransport(app, client=(peer, 4711)),
        base_url="http://tickbox",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


FORGERIES = {
    "X_Forwarded_For": FORGED,
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "evil.example",
    "X_Forwarded_Port": "666",
    "X_Forwarded_Prefix": "/evil",
    "X_Real_IP": FORGED,
    "Forwarded": f"for={FORGED};host=evil.example;proto=https",
}


class TestClient:
    """What goes by addresses and schemes goes by the client's."""

    LIMITS: dict[str, Any] = {"limit_sign_ins_per_minute": 3, "proxies": (PROXY,)}

    async def test_limits_go_by_the_client(self, settings: Settings, ada: Person) -> None:
        form = {"grant_type": "password", "username": ada.user["email"], "password": PASSWORD}

        async def statuses(client: AsyncClient) -> list[int]:
            return [(await client.post("/v1/oauth/token", data=form)).status_code for _ in range(4)]

        used_up = [200, 200, 200, 429]
        async with running(settings, **self.LIMITS) as app:
            async with through(app, PROXY, X_Forwarded_For="203.0.113.71") as client:
                assert await statuses(client) == used_up
            # Another one behind the same proxy is another one.
            async with through(app, PROXY, X_Forwarded_For="203.0.113.72") as client:
                assert await statuses(client) == used_up
            # The same one is the same one, whatever it puts before, and without the proxy too.
            for peer, header in ((PROXY, "203.0.113.9, 203.0.113.71"), ("203.0.113.72", FORGED)):
                async with through(app, peer, X_Forwarded_For=header) as client:
                    assert await statuses(client) == [429] * 4

    async def test_limits_cannot_be_evaded_by_who_is_no_proxy(
        self, settings: Settings, ada: Person
    ) -> None:
        form = {"grant_type": "password", "username": ada.user["email"], "password": PASSWORD}
        async with running(settings, **self.LIMITS) as app, through(app, "203.0.113.73") as client:
            answers = [
                await client.post(
                    "/v1/oauth/token", data=form, headers={FOR: f"198.51.100.{number}"}
                )
                for number in range(5)
            ]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]

    @pytest.mark.parametrize(
        ("peer", "forwarded", "network"),
        [
            (PROXY, CLIENT, CLIENT),
            (PROXY, f"{FORGED}, 2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            (PROXY, "garbage", PROXY),
            ("203.0.113.74", FORGED, "203.0.113.74"),
        ],
    )
    async def test_sessions_say_where_the_client_is(
        self, settings: Settings, ada: Person, peer: str, forwarded: str, network: str
    ) -> None:
        async with (
            running(settings, proxies=(PROXY,)) as app,
            through(app, peer, X_Forwarded_For=forwarded) as client,
        ):
            await sign_in(client, ada.user["email"])
        [newest] = (await ada.get("/v1/sessions?limit=1")).json()["items"]
        assert newest["network"] == network

    async def test_https_by_a_trusted_proxy_is_https(self, settings: Settings) -> None:
        async with (
            running(settings, proxies=(PROXY,)) as app,
            through(app, PROXY, X_Forwarded_Proto="https") as client,
        ):
            answer = await client.get("/livez")
            metadata = await client.get("/.well-known/oauth-authorization-server")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert metadata.json()["token_endpoint"] == "https://tickbox/v1/oauth/token"


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/livez", {}),
    ("GET", "/v1/todos?limit=1", {}),
    ("POST", "/v1/todos", {"json": {"title": "Book"}}),
    ("PATCH", "/v1/todos", {}),
    ("GET", "/v1/nowhere", {}),
    ("GET", METADATA, {}),
    ("GET", "/openapi.json", {}),
    ("GET", "/docs", {}),
]
# What two answers differ in without that.
CHANGING = {"x-request-id", "location", "etag", "ratelimit", "x-cache", "link", "content-length"}


class TestAnswers:
    """Two who are no proxies send the same, and one of them headers as of a proxy."""

    @pytest.fixture(params=[(), (PROXY,)])
    async def app(
        self, settings: Settings, request: pytest.FixtureRequest
    ) -> AsyncIterator[FastAPI]:
        async with running(settings, proxies=request.param) as app:
            yield app

    async def test_are_those_of_who_is_honest(self, app: FastAPI, ada: Person) -> None:
        for _ in range(2):
            await ada.make_todo()
        token = {"Authorization": ada.client.headers["Authorization"]}
        async with (
            through(app, "203.0.113.75", **token) as plain,
            through(app, "203.0.113.75", **token, **FORGERIES) as forging,
        ):
            for method, url, options in REQUESTS:
                honest = await plain.request(method, url, **options)
                forged = await forging.request(method, url, **options)
                assert forged.status_code == honest.status_code < 500
                assert "evil" not in forged.text + str(forged.headers)
                assert FORGED not in forged.text + str(forged.headers)
                assert "strict-transport-security" not in forged.headers
                names = honest.headers.keys() - CHANGING
                assert forged.headers.keys() - CHANGING == names
                assert [forged.headers[name] for name in names] == [
                    honest.headers[name] for name in names
                ]

    async def test_name_no_host_that_was_sent(self, app: FastAPI, ada: Person) -> None:
        """Addresses in answers are paths, so that no host is anywhere, and none can be wrong."""
        for _ in range(2):
            await ada.make_todo()
        token = {"Authorization": ada.client.headers["Authorization"]}
        said = set()
        async with through(app, "203.0.113.75", **token, Host="evil.example") as client:
            for method, url, options in REQUESTS:
                answer = await client.request(method, url, **options)
                assert "evil" not in str(answer.headers)
                assert url == METADATA or "evil" not in answer.text
                for name in {"location", "link"} & answer.headers.keys():
                    assert answer.headers[name].removeprefix("<").startswith("/v1/todos")
                    said.add(name)
        assert said == {"location", "link"}

    async def test_with_addresses_are_kept_by_nobody_or_the_issuers(
        self, settings: Settings
    ) -> None:
        """RFC 8414 wants whole ones: without an issuer that is one, they are for who asked."""
        for issuer, is_kept in (("tickbox", False), ("https://id.example", True)):
            async with (
                running(settings, issuer=issuer) as app,
                through(app, CLIENT, Host="evil.example") as client,
            ):
                answer = await client.get(METADATA)
            assert ("evil" in answer.text) is not is_kept
            assert (answer.headers["cache-control"] == "no-store") is not is_kept
