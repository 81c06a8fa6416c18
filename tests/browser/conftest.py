"""One browser, one server, and what was wrong on the pages of each test."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome

from app.core.settings import Settings
from tests.browser.chromium import HOST, chromium, complaints, requested
from tests.browser.page import Page
from tests.served import served


@pytest.fixture(scope="session")
def url(settings: Settings) -> Iterator[str]:
    """A running service, on the tests' servers."""
    given = {
        name: getattr(settings, name).get_secret_value()
        for name in ("database_url", "redis_url", "secret_key", "signing_keys")
    }
    with served(**given) as url:
        yield url


@pytest.fixture(scope="session")
def chrome() -> Iterator[Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def browser(chrome: Chrome, url: str, expected: list[str]) -> Iterator[Chrome]:
    """The browser, at nobody's place; nothing may go wrong in it but what is expected."""
    Page(chrome, f"{url}/livez").run("localStorage.clear()")
    complaints(chrome)
    requested(chrome)
    yield chrome
    assert {urlsplit(address).hostname for address in requested(chrome)} <= {HOST}
    found = complaints(chrome)
    assert [text for text in found if not any(part in text for part in expected)] == []


@pytest.fixture
def expected() -> list[str]:
    """What the console may complain of, once a test has added it."""
    return []
