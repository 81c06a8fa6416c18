"""`/metrics` beside `/v1`: to this machine alone, and through no proxy."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.core.settings import Settings
from tests.apps import client_of
from tests.observability.test_metrics import observed


@pytest.fixture
async def own(settings: Settings) -> AsyncIterator[FastAPI]:
    async with observed(settings) as app:
        yield app


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.8.9.10", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("192.0.2.1", {}, 404),
        ("10.0.0.7", {}, 404),
        ("::ffff:10.0.0.7", {}, 404),
        ("fe80::1%lo", {}, 404),
        ("", {}, 404),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1"}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"X-Forwarded-For": ""}, 404),
        ("127.0.0.1", {"X-Forwarded-Host": "todo.example"}, 404),
        ("127.0.0.1", {"X-Real-IP": "192.0.2.1"}, 404),
        ("127.0.0.1", {"Via": "1.1 proxy"}, 404),
    ],
)
async def test_they_are_for_this_machine_alone(
    own: FastAPI, address: str, headers: dict[str, str], status: int
) -> None:
    """The embedded default may be behind a proxy on the same machine, or listen for all."""
    transport = httpx.ASGITransport(own, client=(address, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://tickbox") as client:
        for method in ("GET", "HEAD"):
            response = await client.request(method, "/metrics", headers=headers)
            assert response.status_code == status
            if status == 404 and method == "GET":
                assert response.json()["code"] == "route_not_found"


async def test_behind_a_trusted_proxy_they_are_for_nobody(settings: Settings) -> None:
    async with observed(settings, proxies="127.0.0.1") as app, client_of(app) as client:
        for value in ("127.0.0.1", "::1", "192.0.2.1"):
            response = await client.get("/metrics", headers={"X-Forwarded-For": value})
            assert response.status_code == 404
