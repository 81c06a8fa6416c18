"""CORS, as a browser sees it: pages of listed origins read all, those of others nothing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.web import cors
from tests.apps import client_of, running
from tests.people import PASSWORD, Person
from tests.web.answers import security_faults
from tests.web.operations import DOCUMENT, OPERATIONS

LISTED = "https://app.example"
OTHER = "http://localhost:3000"
NOT_LISTED = [
    "https://evil.example",
    "http://app.example",
    "https://app.example:8443",
    "https://app.example.evil.example",
    "https://evil-app.example",
    "https://app.example/",
    "https://app.example ,https://evil.example",
    "HTTPS://APP.EXAMPLE",
    "null",
    "*",
    "",
    "é",
]
TRACING = ("traceparent", "tracestate", "baggage")
ALLOW = "access-control-allow-origin"
SAFE_REQUEST_HEADERS = {"accept", "accept-language", "content-language"}
SAFE_RESPONSE_HEADERS = {
    "cache-control", "content-language", "content-length", "content-type", "expires",
    "last-modified", "pragma",
}  # fmt: skip


@pytest.fixture(scope="module")
async def listing(settings: Settings) -> AsyncIterator[FastAPI]:
    async with running(settings, cors_origins=(LISTED, OTHER)) as app:
        yield app


@pytest.fixture
async def browser(listing: FastAPI, ada: Person) -> AsyncIterator[AsyncClient]:
    async with client_of(listing, ada.tokens["access_token"]) as client:
        yield client


def cors_headers(response: Response) -> dict[str, str]:
    return {
        name: value
        for name, value in response.headers.multi_items()
        if name.startswith("access-control-")
    }


def varies(response: Response) -> list[str]:
    return [name.strip() for name in response.headers.get("vary", "").split(",") if name]


def preflight(origin: str, method: str = "PATCH", **headers: str) -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method, **headers}


ANSWERS: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "/v1/todos", {}, 200),
    ("GET", "/v1/todos", {}, 200),  # from the cache
    ("HEAD", "/v1/todos", {}, 200),
    ("GET", "/v1/todos", {"headers": {"Authorization": "Bearer x"}}, 401),
    ("GET", "/v1/todos?limit=0", {}, 422),
    ("POST", "/v1/todos", {"json": {"title": "Book"}}, 201),
    ("POST", "/v1/todos", {"content": b"{"}, 415),
    ("POST", "/v1/todos", {"content": b" " * (1 << 20) + b" "}, 413),
    ("PUT", "/v1/todos", {}, 405),
    ("OPTIONS", "/v1/todos", {}, 405),
    ("GET", "/v1/nowhere", {}, 404),
    ("POST", "/v1/oauth/token", {"data": {"grant_type": "x"}}, 400),
    ("GET", "/openapi.json", {}, 200),
    ("GET", "/docs", {}, 200),
]


class TestListed:
    @pytest.mark.parametrize(("method", "path", "options", "status"), ANSWERS)
    @pytest.mark.parametrize("origin", [LISTED, OTHER])
    async def test_reads_every_answer(
        self,
        browser: AsyncClient,
        origin: str,
        method: str,
        path: str,
        options: dict[str, Any],
        status: int,
    ) -> None:
        options = {**options, "headers": {"Origin": origin, **options.get("headers", {})}}
        response = await browser.request(method, path, **options)
        assert response.status_code == status
        assert cors_headers(response) == {
            ALLOW: origin,
            "access-control-expose-headers": ", ".join(cors.EXPOSED_HEADERS),
        }
        assert "Origin" in varies(response)
        assert path == "/docs" or not list(security_faults(response))

    async def test_reads_what_went_wrong_here_and_that_it_is_too_much(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        changes: dict[str, Any] = {"cors_origins": (LISTED,), "limit_address_burst": 1}
        origin = {"Origin": LISTED}

        def fail(*_: object, **__: object) -> None:
            raise RuntimeError

        def refuse(*_: object, **__: object) -> None:
            raise DatabaseUnavailable

        async with (
            running(settings, limit_address_per_second=1, **changes) as app,
            client_of(app) as client,
        ):
            answers = [await client.get("/v1/todos", headers=origin) for _ in range(4)]
            monkeypatch.setattr(app.state.request_gate, "admit", fail)
            answers.append(await client.get("/v1/todos", headers=origin))
            monkeypatch.setattr(app.state.request_gate, "admit", refuse)
            answers.append(await client.get("/v1/todos", headers=origin))
        assert {answer.status_code for answer in answers} >= {401, 429, 500, 503}
        assert {answer.headers[ALLOW] for answer in answers} == {LISTED}
        limited = next(answer for answer in answers if answer.status_code == 429)
        exposed = limited.headers["access-control-expose-headers"]
        assert "Retry-After" in exposed.split(", ")

    async def test_signs_in_and_patches_as_a_browser_does(
        self, browser: AsyncClient, ada: Person
    ) -> None:
        form = {"grant_type": "password", "username": ada.user["email"], "password": PASSWORD}
        origin = {"Origin": LISTED}
        signed_in = await browser.post("/v1/oauth/token", data=form, headers=origin)
        assert signed_in.headers[ALLOW] == LISTED
        todo = await ada.make_todo()
        url = f"/v1/todos/{todo['id']}"
        asked = {"Access-Control-Request-Headers": "authorization,content-type,if-match"}
        allowed = await browser.options(url, headers=preflight(LISTED, "PATCH", **asked))
        assert allowed.status_code == 200
        patched = await browser.patch(
            url, json={"title": "Other"}, headers={**origin, "If-Match": '"1"'}
        )
        assert (patched.status_code, patched.headers[ALLOW]) == (200, LISTED)
        unchanged = await browser.get(
            url, headers={**origin, "If-None-Match": patched.headers["etag"]}
        )
        assert (unchanged.status_code, unchanged.headers[ALLOW]) == (304, LISTED)


class TestPreflight:
    @pytest.mark.parametrize("path", ["/v1/todos", "/v1/oauth/token", "/v1/nowhere", "/livez"])
    async def test_needs_no_token_and_says_what_there_is(self, listing: FastAPI, path: str) -> None:
        async with client_of(listing) as client:
            response = await client.options(path, headers=preflight(LISTED))
        assert response.status_code == 200
        headers = cors_headers(response)
        allowed = headers.pop("access-control-allow-headers").split(", ")
        assert {*cors.REQUEST_HEADERS, *TRACING} <= set(allowed)
        assert headers == {
            ALLOW: LISTED,
            "access-control-allow-methods": ", ".join(cors.METHODS),
            "access-control-max-age": "7200",
        }
        assert "Origin" in varies(response)

    async def test_allows_each_operation_with_all_that_it_takes(self, listing: FastAPI) -> None:
        async with client_of(listing) as client:
            for operation in OPERATIONS:
                takes = {name.lower() for name in operation.parameters("header")}
                takes |= {"authorization", "content-type"}
                asked = {"Access-Control-Request-Headers": ",".join(sorted(takes))}
                response = await client.options(
                    operation.path, headers=preflight(LISTED, operation.method, **asked)
                )
                assert (response.status_code, response.headers[ALLOW]) == (200, LISTED)

    async def test_lists_headers_of_others_as_they_are_set(self, settings: Settings) -> None:
        """A browser drops a request whose tracing headers are not listed."""
        others = "sentry-trace, X-Datadog-Trace-Id"
        async with (
            running(settings, cors_origins=LISTED, cors_headers=others) as app,
            client_of(app) as client,
        ):
            response = await client.options("/v1/todos", headers=preflight(LISTED))
        allowed = set(response.headers["access-control-allow-headers"].split(", "))
        assert {*cors.REQUEST_HEADERS, "sentry-trace", "X-Datadog-Trace-Id"} <= allowed
        assert not allowed & set(TRACING)

    async def test_refuses_what_the_api_does_not_have(self, browser: AsyncClient) -> None:
        asked = {"Access-Control-Request-Headers": "x-evil"}
        for headers in (preflight(LISTED, "PUT"), preflight(LISTED, "GET", **asked)):
            assert (await browser.options("/v1/todos", headers=headers)).status_code == 400

    async def test_that_is_one_needs_a_method_and_an_origin(self, browser: AsyncClient) -> None:
        for headers in ({"Origin": LISTED}, {"Access-Control-Request-Method": "GET"}):
            response = await browser.options("/v1/todos", headers=headers)
            assert response.status_code == 405
            assert "access-control-allow-methods" not in response.headers


class TestExposed:
    def test_is_every_header_that_the_document_has(self) -> None:
        named = {
            name.lower()
            for path in DOCUMENT["paths"].values()
            for operation in path.values()
            for response in operation["responses"].values()
            for name in response.get("headers", {})
        }
        exposed = {name.lower() for name in cors.EXPOSED_HEADERS}
        assert len(named) > 5
        assert named - SAFE_RESPONSE_HEADERS <= exposed


class TestOthers:
    @pytest.mark.parametrize("origin", NOT_LISTED)
    async def test_are_not_allowed_to_read_or_to_send(
        self, browser: AsyncClient, origin: str
    ) -> None:
        header = (b"Origin", origin.encode())
        response = await browser.get("/v1/todos", headers=[header])
        assert response.status_code == 200
        assert ALLOW not in response.headers
        assert "Origin" in varies(response)
        asked = [header, (b"Access-Control-Request-Method", b"PATCH")]
        response = await browser.options("/v1/todos", headers=asked)
        assert response.status_code == 400
        assert ALLOW not in response.headers
        assert "Origin" in varies(response)

    async def test_without_an_origin_vary_too(self, browser: AsyncClient) -> None:
        """Else what a cache keeps for them would be what a page gets, and could not read."""
        response = await browser.get("/v1/todos")
        assert cors_headers(response) == {}
        assert {"Origin", "Authorization"} <= set(varies(response))


async def test_nothing_listed_is_no_cors_at_all(ada: Person) -> None:
    for headers in ({"Origin": LISTED}, preflight(LISTED)):
        for method in ("GET", "OPTIONS"):
            response = await ada.client.request(method, "/v1/todos", headers=headers)
            assert cors_headers(response) == {}
            assert "Origin" not in varies(response)
