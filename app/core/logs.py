"""Logs, on stderr: readable on a terminal, one JSON object a line elsewhere.

Everything goes through the standard library's `logging`, structlog's own loggers too, and is
rendered here, after `core/redaction.py` has decided what may be said: no value breaks a line. Only
the line of a request (`RequestLog`) takes a shorter way, since every request pays for it; it holds
nothing that was sent but the request's id. Nobody waits for stderr: `core/writer.py` does.
"""

import json
import logging
import os
import sys
import threading
import warnings
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TextIO
from uuid import UUID

import orjson
import structlog
from structlog.typing import EventDict, Processor

from app.core import redaction
from app.core.clock import timestamp
from app.core.writer import Writer

logger = logging.getLogger(__name__)

# The request that the running task serves; every line that it logs has it.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# How a request may end: answered whole, left by its client, ended by us, or broken off.
COMPLETED, DISCONNECTED, CANCELLED, FAILED = "completed", "disconnected", "cancelled", "failed"

_OURS = "app"
# For terminals, where a raw one might do more than break a line.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    10: "\\n",
    13: "\\r",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def printable(text: str) -> str:
    """On one line, and nothing in it that a terminal would obey."""
    return text.translate(_CONTROLS)


class RequestLog:
    """The line that each request leaves, if lines of its severity are logged at all."""

    def __init__(self) -> None:
        self._writer: Writer | None = None
        self._level = logging.CRITICAL
        self._console: Processor | None = None

    def to(self, writer: Writer, level: int, console: Processor | None) -> None:
        """Write there from now on, for a terminal if there is a renderer for it."""
        self._writer, self._level, self._console = writer, level, console

    def off(self) -> None:
        """Write nothing from now on."""
        self._writer = None

    def write(
        self,
        *,
        level: int,
        request_id: str,
        user_id: UUID | None,
        method: str,
        route: str | None,
        status: int | None,
        seconds: float,
        outcome: str,
    ) -> None:
        """Say how a request ended. `status` is None if nobody was answered."""
        if level < self._level or self._writer is None:
            return
        entry: dict[str, Any] = {
            "timestamp": timestamp(),
            "level": _LEVELS[level],
            "event": "request",
            "request_id": request_id,
            "user_id": user_id,
            "method": method,
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1000, 2),
            "outcome": outcome,
        }
        if self._console is None:
            line = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
            self._writer.write(line.decode())
        else:
            line_for_people = self._console(None, "", _for_people(entry))
            self._writer.write(f"{line_for_people!s}\n")

    @property
    def dropped(self) -> int:
        """Lines, of whatever kind, that nobody read in time."""
        return 0 if self._writer is None else self._writer.dropped


def _for_people(entry: dict[str, Any]) -> dict[str, Any]:
    """The line of a request, with what matters most as its text."""
    said = f"{entry['method']} {entry['route']} {entry['status']} in {entry['duration_ms']} ms"
    who = {} if entry["user_id"] is None else {"user_id": str(entry["user_id"])}
    how = {} if entry["outcome"] == COMPLETED else {"outcome": entry["outcome"]}
    names = ("timestamp", "level", "request_id")
    return {**{name: entry[name] for name in names}, "event": said, **who, **how}


_LEVELS = {
    level: logging.getLevelName(level).lower()
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
}
requests = RequestLog()


class _Handler(logging.Handler):
    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - logging's own way would print the record as it is
            line = '{"level": "error", "event": "a line could not be formatted"}'
        self._writer.write(f"{line}\n")

    def flush(self) -> None:
        self._writer.flush()


def flush() -> None:
    """Wait until what was logged is written, for a second at most."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def configure(level: str, stream: TextIO = sys.stderr) -> None:
    """Log what is at least as severe as `level`; replaces what was configured before.

    Of other libraries that is their warnings at least: below, they tell of what the service says
    itself, and repeat what passes through them.
    """
    # https://no-color.org
    colors = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    console = structlog.dev.ConsoleRenderer(colors=colors) if stream.isatty() else None
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_time,
        _add_request,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[_redacted, _as_json if console is None else _for_terminal(console)],
        # So that what was put together is told from what was given.
        use_get_message=False,
        pass_foreign_args=True,
    )
    writer = Writer(
        stream,
        lambda count: (
            formatter.format(
                logging.makeLogRecord(
                    {
                        "name": __name__,
                        "levelname": "WARNING",
                        "msg": "lines were dropped since nobody read them: %d",
                        "args": (count,),
                    }
                )
            )
            + "\n"
        ),
    )
    handler = _Handler(writer)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    severity = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(severity, logging.WARNING))
    logging.getLogger(_OURS).setLevel(severity)
    requests.to(writer, severity, console)
    _log_what_nobody_caught()


def _log_what_nobody_caught() -> None:
    """Python would print it, with its message."""

    def uncaught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            logger.critical("ended by an error", exc_info=error)

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        logger.error("a thread ended by an error", exc_info=arguments.exc_value)

    def unraisable(arguments: "sys.UnraisableHookArgs") -> None:
        logger.error("an error that cannot be raised", exc_info=arguments.exc_value)

    def warned(
        message: Warning | str,  # noqa: ARG001 - Python's signature, here and below
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        logger.warning("%s at %s:%d", category.__name__, filename, lineno)

    sys.excepthook = uncaught
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
    warnings.showwarning = warned


def _add_time(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = timestamp()
    return event


def _add_request(_logger: Any, _method: str, event: EventDict) -> EventDict:
    current = request_id.get()
    if current is not None:
        event["request_id"] = current
    return event


def _redacted(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """What may be said: see `core/redaction.py`."""
    record: logging.LogRecord = event.pop("_record")
    is_structured = event.pop("_from_structlog")
    arguments = event.pop("positional_args", ())
    error, text, places = event.pop("exc_info", None), str(event.pop("event", "")), ""
    event.pop("stack_info", None)
    if not is_structured and record.name.partition(".")[0] != _OURS:
        text, places = redaction.foreign(text, arguments)
    elif arguments:
        text = text % arguments
    if isinstance(error, tuple):
        error = error[1]
    elif error is True:
        error = sys.exception()
    said = {name: redaction.safe(value, name) for name, value in event.items()}
    entry = {
        "timestamp": said.pop("timestamp"),
        "level": said.pop("level"),
        "event": redaction.redact(text),
        **said,
    }
    if isinstance(error, BaseException):
        entry["exception"] = redaction.trace(error)
    elif places:
        entry["exception"] = places
    return entry


def _as_json(_logger: Any, _method: str, event: EventDict) -> str:
    # Escapes all but ASCII, and so every kind of line break and lone surrogates too.
    return json.dumps(event)


def _for_terminal(console: Processor) -> Processor:
    def render(logger: Any, method: str, event: EventDict) -> Any:
        entry = {
            name: printable(value) if isinstance(value, str) and name != "exception" else value
            for name, value in event.items()
        }
        return console(logger, method, entry)

    return render
