"""Somebody for the tests of all operations, who send thousands of requests that change nothing."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from tests.core.callers import Caller
from tests.people import sign_up


@pytest.fixture(scope="module")
async def caller(app: FastAPI) -> AsyncIterator[Caller]:
    """One account a module: what a test does to it matters to no other one."""
    async with sign_up(app, "Caller") as person:
        yield Caller(person)
