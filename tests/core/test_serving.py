"""A port that somebody else takes between the first look at it and the start."""

from types import SimpleNamespace

import pytest
from fastapi import FastAPI

from app.core.config import Settings, SettingsError
from app.core.serving import bind, serve


def test_a_port_that_is_taken_meanwhile_is_one_sentence() -> None:
    app = FastAPI()
    app.state.lifecycle = SimpleNamespace(draining=False)
    with bind(Settings(port=0)) as ours:
        settings = Settings(port=ours.getsockname()[1])
        with bind(settings) as theirs:
            theirs.listen()
            with pytest.raises(SettingsError, match=f"^Port {settings.port} on .* is in use: stop"):
                serve(app, settings, ours)
        # It is ours to close, and nobody else has.
        assert ours.getsockname()[1] == settings.port
