"""`deploy/smoke` against a service that refuses its sign-in, for a moment or for longer.

That it passes, and fails where a store is away, is tried by `make image-test`.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.served import served

SMOKE = Path(__file__).parents[2] / "deploy" / "smoke"


@contextmanager
def exhausted(sign_ins_per_minute: int) -> Iterator[tuple[str, int]]:
    """Where this address has no sign-in left; also gives the seconds until the next one."""
    with (
        served(limit_sign_ins_per_minute=str(sign_ins_per_minute)) as address,
        httpx.Client(base_url=address) as client,
    ):
        for _ in range(2 * sign_ins_per_minute):
            answer = client.post("/v1/oauth/token", data={"grant_type": "nothing"})
            if answer.status_code == 429:
                yield address, int(answer.headers["retry-after"])
                return
        pytest.fail("it has no end of sign-ins")


def smoke(address: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(SMOKE), address]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def refused(address: str) -> int:
    """How many sign-ins the limit has refused."""
    text = httpx.get(f"{address}/metrics").text
    found = re.search(r'^tickbox_\w+\{.*"sign-in".*"refused".*\} ([\d.]+)$', text, re.MULTILINE)
    assert found is not None, text
    return int(float(found[1]))


def test_a_sign_in_that_is_refused_is_tried_again() -> None:
    # The next one is six seconds away, or not quite: later than the account is there.
    with exhausted(10) as (address, wait):
        assert wait <= 6
        before = refused(address)
        done = smoke(address)
        assert (done.returncode, done.stdout) == (0, f"Tickbox at {address} works.\n"), done.stderr
        assert refused(address) > before


def test_where_nobody_signs_in_it_names_the_account_that_stays() -> None:
    with exhausted(1) as (address, wait):
        assert wait > 40  # seconds, for which it tries
        done = smoke(address)
    assert (done.returncode, done.stdout) == (1, "")
    assert "rate_limited" in done.stderr
    stays = rf"The account smoke-\d+-\d+@example\.com is left at {address}: it cannot sign in\. "
    assert re.search(stays, done.stderr)
