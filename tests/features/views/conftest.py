from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from fastapi import FastAPI

from app.core.settings import Settings
from tests.apps import Clock, running
from tests.features.views.asking import live_in
from tests.people import Person, sign_up


@pytest.fixture(scope="module")
async def timed(settings: Settings) -> AsyncIterator[tuple[Clock, FastAPI]]:
    clock = Clock()
    async with running(settings, now=clock) as app:
        yield clock, app


@pytest.fixture
async def grete(timed: tuple[Clock, FastAPI]) -> AsyncIterator[Person]:
    """Somebody in Auckland (13 hours before UTC), at noon of 30 November 2026."""
    clock, app = timed
    clock.now = datetime.fromisoformat("2026-11-29T23:00:00Z")
    async with sign_up(app, "Grete") as person:
        await live_in(person, "Pacific/Auckland")
        yield person
