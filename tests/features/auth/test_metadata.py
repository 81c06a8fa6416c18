"""`GET /.well-known/oauth-authorization-server` (RFC 8414)."""

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import AsyncClient

from app.core.settings import Settings
from app.features.routes import SCOPES
from tests.apps import client_of, running

URL = "/.well-known/oauth-authorization-server"


@pytest.mark.parametrize(
    ("issuer", "base"),
    [
        ("tickbox", "http://tickbox"),
        ("https://id.example", "https://id.example"),
        ("https://id.example/tickbox/", "https://id.example/tickbox"),
    ],
)
async def test_names_the_issuer_as_tokens_do_and_where_everything_is(
    settings: Settings, issuer: str, base: str
) -> None:
    async with running(settings, issuer=issuer) as app, client_of(app) as client:
        response = await client.get(URL)
    metadata = response.json()
    assert response.status_code == 200
    assert metadata["issuer"] == issuer
    # An address that a client gave itself is not to be given to others.
    public = issuer.startswith("https://")
    assert response.headers["cache-control"] == ("public, max-age=300" if public else "no-store")
    paths = {route.path for route in iter_route_contexts(app.routes)}
    addresses = [value for name, value in metadata.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(addresses) == 4
    for address in [*addresses, metadata["service_documentation"]]:
        assert address.startswith(f"{base}/")
        assert address.removeprefix(base) in paths


async def test_says_what_the_token_endpoint_takes(client: AsyncClient, app: FastAPI) -> None:
    metadata = (await client.get(URL)).json()
    assert metadata["scopes_supported"] == sorted(SCOPES)
    assert metadata["response_types_supported"] == []
    for grant_type in metadata["grant_types_supported"]:
        answer = await client.post("/v1/oauth/token", data={"grant_type": grant_type})
        assert answer.json()["error"] == "invalid_request"
    answer = await client.post("/v1/oauth/token", data={"grant_type": "authorization_code"})
    assert answer.json()["error"] == "unsupported_grant_type"
