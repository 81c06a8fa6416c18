"""`deploy/smoke` against a service that refuses its sign-in, for a moment or for longer.

That it passes, and fails where a store is away, is tried by `make image-test`.
"""

import asyncio
import re
from pathlib import Path

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.core.settings import Settings
from tests.apps import client_of, running
from tests.server.wire import listening

SMOKE = Path(__file__).parents[2] / "deploy" / "smoke"
TOKEN = "/v1/oauth/token"


async def exhaust(app: FastAPI) -> int:
    """Leave this address no sign-in; gives the seconds until the next one."""
    await app.state.redis.run(("FLUSHDB",))
    async with client_of(app) as client:
        while True:
            answer = await client.post(TOKEN, data={"grant_type": "nothing"})
            if answer.status_code == 429:
                return int(answer.headers["retry-after"])


async def smoke(address: str) -> tuple[int | None, str, str]:
    """Its exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *("sh", str(SMOKE), address),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_a_sign_in_that_is_refused_is_tried_again(settings: Settings, tmp_path: Path) -> None:
    async with running(settings, limit_sign_ins_per_minute=60) as app:
        sign_ins = 0

        async def first_refused(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal sign_ins
            if scope["path"] == TOKEN:
                sign_ins += 1
                if sign_ins == 1:
                    assert await exhaust(app) == 1
            await app(scope, receive, send)

        async with listening(first_refused, "http", tmp_path) as wire:
            address = f"http://127.0.0.1:{wire.port}"
            code, output, errors = await smoke(address)
    assert (code, output) == (0, f"Tickbox at {address} works.\n"), errors
    assert sign_ins > 1


async def test_where_nobody_signs_in_it_names_the_account_that_stays(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, limit_sign_ins_per_minute=1) as app:
        assert await exhaust(app) > 40  # seconds, for which it tries
        async with listening(app, "http", tmp_path) as wire:
            address = f"http://127.0.0.1:{wire.port}"
            code, output, errors = await smoke(address)
    assert (code, output) == (1, "")
    assert "rate_limited" in errors
    stays = rf"The account smoke-\d+-\d+@example\.com is left at {address}: it cannot sign in\. "
    assert re.search(stays, errors)
