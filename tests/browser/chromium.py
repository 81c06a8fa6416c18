"""A headless Chromium that reaches this machine and nothing else, and tells what went wrong in it.

Debian's, with the driver that is built with it, so that the two always fit.
"""

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

PAGE_SECONDS = 60
HOST = "127.0.0.1"
_MISSING = "needs {} (on Debian: apt-get install chromium chromium-driver)"
# Of the tools of the browser's own, what would call its makers.
_QUIET = ("--disable-background-networking", "--disable-component-update", "--no-first-run")


@contextmanager
def chromium(width: int = 1280, height: int = 1400, scale: float = 1) -> Iterator[Chrome]:
    """A browser for the length of the block."""
    options = ChromeOptions()
    options.binary_location = _found("chromium")
    for argument in (
        "--headless=new",
        f"--window-size={width},{height}",
        f"--force-device-scale-factor={scale}",
        f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
        *_QUIET,
    ):
        options.add_argument(argument)
    if os.geteuid() == 0:
        # Its sandbox refuses root; it opens nothing here but pages of this service.
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # With its path, so that Selenium looks for none on the internet.
    driver = Chrome(options=options, service=Service(_found("chromedriver")))
    try:
        driver.set_page_load_timeout(PAGE_SECONDS)
        yield driver
    finally:
        driver.quit()


def _found(program: str) -> str:
    path = shutil.which(program)
    assert path is not None, _MISSING.format(program)
    return path


def complaints(driver: Chrome) -> list[str]:
    """What the console had to complain of since it was last asked: errors, refusals of the policy.

    What Swagger UI or ReDoc only warn of, is theirs.
    """
    entries: list[dict[str, Any]] = driver.get_log("browser")  # type: ignore[no-untyped-call]  # Selenium has no types here
    return [
        entry["message"]
        for entry in entries
        if entry["level"] == "SEVERE" or "Content Security Policy" in entry["message"]
    ]


def requested(driver: Chrome) -> set[str]:
    """The URLs that pages asked for since the last call, whatever came of it.

    But for `data:`, and for what the page's policy kept from being sent.
    """
    entries: list[dict[str, Any]] = driver.get_log("performance")  # type: ignore[no-untyped-call]  # as above
    urls: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        message = json.loads(entry["message"])["message"]
        what, params = message["method"], message["params"]
        if what == "Network.requestWillBeSent":
            urls[params["requestId"]].add(params["request"]["url"])
        elif what == "Network.loadingFailed" and params.get("blockedReason") == "csp":
            urls.pop(params["requestId"], None)
    found = set[str]().union(*urls.values())
    return {url for url in found if urlsplit(url).scheme not in ("data", "blob")}
