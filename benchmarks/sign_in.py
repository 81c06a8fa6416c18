"""Does the time of a sign-in that fails tell whether there is such an account? It may not by 5 %.

`make bench-sign-in`: 300 tries of each kind, interleaved, through the whole app; exits with 1 if
the medians differ by more.
"""

import asyncio
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from uuid import uuid4

from httpx import ASGITransport, AsyncClient

from app.core.settings import Settings
from app.database import migrations
from app.embedded.stores import embedded
from app.main import create_app

TRIES = 300
ALLOWED = 0.05
# What is limited is not what is measured.
_LIMITS = dict.fromkeys(
    (
        "limit_sign_in_failures_per_minute",
        "limit_account_failures_per_minute",
        "limit_sign_ins_per_minute",
        "limit_address_burst",
        "limit_address_per_second",
    ),
    1_000_000,
)


async def _seconds(client: AsyncClient, email: str) -> float:
    form = {"grant_type": "password", "username": email, "password": "wrong horse battery"}
    started = time.perf_counter()
    response = await client.post("/v1/oauth/token", data=form)
    seconds = time.perf_counter() - started
    assert response.status_code == 400, response.text
    return seconds


async def measure(settings: Settings) -> tuple[float, float]:
    """The medians, in seconds: of an account that is there, and of ones that are not."""
    app = create_app(Settings.model_validate({**settings.model_dump(), **_LIMITS}))
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://tickbox") as client,
    ):
        email = f"{uuid4().hex}@example.com"
        account = {"email": email, "password": "correct horse battery staple"}
        assert (await client.post("/v1/users", json=account)).status_code == 201
        for _ in range(10):
            await _seconds(client, email)
        known: list[float] = []
        unknown: list[float] = []
        for number in range(TRIES):
            pair = [(known, email), (unknown, f"{uuid4().hex}@example.com")]
            # Neither is always the one that comes first.
            for times, address in pair if number % 2 else reversed(pair):
                times.append(await _seconds(client, address))
    return median(known), median(unknown)


def main() -> int:
    """Measure and print; the exit code."""
    logging.disable(logging.INFO)
    for name in [name for name in os.environ if name.startswith("TICKBOX_")]:
        del os.environ[name]
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded(Settings(data_dir=Path(folder))) as settings,
    ):
        assert settings.database_url is not None
        migrations.upgrade(settings.database_url.get_secret_value())
        known, unknown = asyncio.run(measure(settings))
    difference = abs(known - unknown) / max(known, unknown)
    print(f"known {known * 1000:.2f} ms, unknown {unknown * 1000:.2f} ms: {difference:.1%} apart")
    return difference > ALLOWED


if __name__ == "__main__":
    sys.exit(main())
