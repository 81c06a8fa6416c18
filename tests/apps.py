"""More Tickboxes than the one that the tests share: other settings, another clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from app.core.clock import Now, utc_now
from app.core.settings import Settings
from app.main import create_app


class Clock:
    """A clock that is set, not waited for."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 0, 0, 123_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@asynccontextmanager
async def running(
    settings: Settings, *, now: Now = utc_now, **changes: Any
) -> AsyncIterator[FastAPI]:
    """Another app, from its start to its end; `changes` are settings that differ."""
    app = create_app(Settings.model_validate({**settings.model_dump(), **changes}), now=now)
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: FastAPI, token: str | None = None) -> AsyncClient:
    """A client of this app, signed in if there is an access token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return AsyncClient(transport=ASGITransport(app), base_url="http://tickbox", headers=headers)
