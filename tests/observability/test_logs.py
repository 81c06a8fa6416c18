"""What is logged, as whoever runs the service finds it."""

import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog

from tests.observability.logged import Logged, Terminal, logged


@pytest.fixture
def log() -> Iterator[Logged]:
    with logged() as log:
        yield log


def _fail() -> None:
    secret = "geheim-4711"
    raise ValueError(secret)


@pytest.mark.parametrize("get", [logging.getLogger, structlog.get_logger])
def test_each_entry_is_one_json_object_on_one_line(log: Logged, get: object) -> None:
    assert callable(get)
    get("app.b").warning("first\nsecond\r\u2028")

    [line] = log.text.splitlines()
    [entry] = log.entries
    assert (entry["event"], entry["level"], entry["logger"]) == (
        "first\nsecond\r\u2028",
        "warning",
        "app.b",
    )
    assert entry["timestamp"].endswith("Z")
    assert list(entry)[:3] == ["timestamp", "level", "event"]
    assert line.isascii()


def test_half_a_character_breaks_nothing(log: Logged) -> None:
    record = logging.makeLogRecord({"name": "app", "msg": "half \ud800"})
    # Not through the logger: pytest, which keeps what is logged, cannot pass it on.
    logging.getLogger().handlers[0].handle(record)

    assert log.text.isascii()
    assert [entry["event"] for entry in log.entries] == ["half \ud800"]


def test_of_an_error_its_type_its_cause_and_the_places_are_said(log: Logged) -> None:
    try:
        try:
            _fail()
        except ValueError as error:
            raise ConnectionRefusedError(111, "geheim-4711") from error
    except OSError:
        logging.getLogger("app").exception("it failed")

    [entry] = log.entries
    lines = entry["exception"].splitlines()
    assert lines[0] == "ConnectionRefusedError [111]"
    assert "caused by ValueError" in lines
    assert lines[-1].endswith(" in _fail")
    assert "geheim" not in log.text


def test_what_is_less_severe_is_left_out(log: Logged) -> None:
    logging.getLogger("app.a").debug("no")
    logging.getLogger("uvicorn.error").info("nor this")

    assert log.text == ""


def test_debug_is_for_what_the_service_says_itself() -> None:
    with logged("debug") as log:
        logging.getLogger("app.a").debug("yes")
        logging.getLogger("python_multipart").debug("Calling on_part_data with geheim")

        assert [entry["event"] for entry in log.entries] == ["yes"]


def test_a_terminal_gets_lines_for_people() -> None:
    terminal = Terminal()
    with logged(stream=terminal) as log:
        try:
            _fail()
        except ValueError:
            logging.getLogger("app").exception("it\nfailed\x1b[2J\u2028")

        first, *rest = log.text.splitlines()
    assert r"it\nfailed\x1b[2J\u2028" in first
    assert not first.startswith("{")
    assert rest[0] == "ValueError"
    assert "geheim" not in terminal.getvalue()


# Under pytest `sys.unraisablehook` and `sys.excepthook` are not called by themselves.
def test_what_nobody_caught_is_logged_without_its_message(log: Logged) -> None:
    try:
        _fail()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    thread = threading.Thread(target=_fail)
    thread.start()
    thread.join()

    assert [entry["event"] for entry in log.entries] == [
        "ended by an error",
        "a thread ended by an error",
    ]
    assert all(entry["exception"].startswith("ValueError\n") for entry in log.entries)
    assert "geheim" not in log.text


def test_a_line_that_cannot_be_formatted_shows_nothing_of_itself(log: Logged) -> None:
    record = logging.makeLogRecord({"name": "app", "msg": "%d of them", "args": ("geheim-4711",)})
    # Not through the logger: pytest's own handler would fail.
    logging.getLogger().handlers[0].handle(record)

    [entry] = log.entries
    assert entry == {"level": "error", "event": "a line could not be formatted"}
