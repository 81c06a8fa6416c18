"""What the tests of requests share: somebody who calls."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from tests.people import sign_up
from tests.web.callers import Caller


@pytest.fixture(scope="module")
async def caller(app: FastAPI) -> AsyncIterator[Caller]:
    """One account a module, for thousands of requests that change nothing.

    What a test does to it matters to no other one.
    """
    async with sign_up(app, "Caller") as person:
        yield Caller(person)
