"""What the app does by itself, besides answering."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from app import main
from app.core.settings import Settings


@pytest.mark.parametrize("sweeps", [True, False])
async def test_one_of_several_processes_sweeps(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, sweeps: bool
) -> None:
    begun = []

    def sweep(*arguments: Any) -> Coroutine[None, None, Any]:
        begun.append(arguments)
        return asyncio.Event().wait()

    monkeypatch.setattr(main, "sweep_hourly", sweep)
    app = main.create_app(settings, sweeps=sweeps)
    async with app.router.lifespan_context(app):
        assert len(begun) == sweeps
