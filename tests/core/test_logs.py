"""What is logged, as whoever runs the service finds it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.core import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What was logged meanwhile; afterwards logging is as it was."""
    root = logging.getLogger()
    loggers = [root, logging.getLogger("alembic"), logging.getLogger("uvicorn")]
    before = [(logger, logger.level) for logger in loggers]
    handlers = root.handlers
    stream = io.StringIO()
    logs.configure("info", stream)
    yield stream
    root.handlers = handlers
    for logger, level in before:
        logger.setLevel(level)
    structlog.reset_defaults()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _fail() -> None:
    secret = "geheim-4711"
    raise ValueError(len(secret))


@pytest.mark.parametrize("get", [logging.getLogger, structlog.get_logger])
def test_each_entry_is_one_json_object_on_one_line(stream: io.StringIO, get: object) -> None:
    assert callable(get)
    get("a.b").warning("first\nsecond\r\u2028")

    [line] = stream.getvalue().split("\n")[:-1]
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["logger"]) == (
        "first\nsecond\r\u2028",
        "warning",
        "a.b",
    )
    assert entry["timestamp"].endswith("Z")


def test_a_traceback_is_in_its_line_and_shows_no_variables(stream: io.StringIO) -> None:
    try:
        _fail()
    except ValueError:
        logging.getLogger("a").exception("it failed")

    [line] = stream.getvalue().splitlines()
    assert "ValueError: 11" in json.loads(line)["exception"]
    assert "geheim" not in line.replace('secret = "geheim-4711"', "")


def test_what_is_less_severe_is_left_out(stream: io.StringIO) -> None:
    logging.getLogger("a").debug("no")
    logging.getLogger("uvicorn.error").info("nor this")

    assert stream.getvalue() == ""


def test_a_terminal_gets_lines_for_people(stream: io.StringIO) -> None:
    terminal = _Terminal()
    logs.configure("info", terminal)
    try:
        _fail()
    except ValueError:
        logging.getLogger("a").exception("it failed")

    assert "it failed" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
    assert "ValueError" in terminal.getvalue()
