"""URLs of stores that the settings refuse."""

import pytest
from pydantic import ValidationError

from app.core.settings import Settings


def refusal(field: str, url: str) -> str:
    """What is said of a URL, by the settings; nothing of the URL is in it."""
    values = {"database_url": "postgresql://h/db", "redis_url": "redis://h"} | {field: url}
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(values)
    [error] = caught.value.errors()
    assert error["loc"] == (field,)
    assert "geheim" not in error["msg"]
    return error["msg"]
