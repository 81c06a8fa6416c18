"""What the tests of the server share."""

import pytest

from app.server import closing


@pytest.fixture(autouse=True)
def short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """By HTTPS a refused connection ends after that, for a client that waits for the end."""
    monkeypatch.setattr(closing, "_LINGER_SECONDS", 0.1)
