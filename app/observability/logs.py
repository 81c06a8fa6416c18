"""Logs on stderr: readable on a terminal, one JSON object a line elsewhere.

All lines go through the standard library's `logging` to one handler, and are rendered by structlog
after `redaction.py` has decided what they may say. The line of a request goes to the same handler
by a shorter way, since every request pays for it; of what was sent it has only the request's id.
"""

import logging
import os
import sys
import threading
import warnings
from contextvars import ContextVar
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from app.core.clock import utc_now
from app.observability import redaction
from app.observability.log_queue import DroppingQueueHandler

logger = logging.getLogger(__name__)

# The request that the running task serves; every line that it logs has it.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# How a request may end: answered whole, left by its client, ended by us, or broken off.
COMPLETED, DISCONNECTED, CANCELLED, FAILED = "completed", "disconnected", "cancelled", "failed"

_OURS = "app"
_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True)
_ERROR = structlog.processors.ExceptionRenderer(lambda error: redaction.trace(error[1]))
# Logs the line that each request leaves; none before it is configured.
requests: FilteringBoundLogger = structlog.wrap_logger(
    None, wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
)


def configure(level: str, stream: TextIO = sys.stderr) -> DroppingQueueHandler:
    """Log what is at least as severe as `level`; replaces what was configured before.

    Of other libraries only warnings and errors are logged: below, they repeat what the service
    logs itself, or what passes through them.
    """
    global requests  # noqa: PLW0603 - logging is configured once a process, as `logging` itself
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = DroppingQueueHandler(stream)
    # Escapes all but ASCII, and so every kind of line break and lone surrogates too.
    rendered: list[Processor] = [structlog.processors.JSONRenderer()]
    request_rendered: list[Processor] = [_request_as_json]
    severity = logging.getLevelNamesMapping()[level.upper()]
    if stream.isatty():
        # https://no-color.org
        colors = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        console = structlog.dev.ConsoleRenderer(colors=colors)
        rendered, request_rendered = [_escape, console], [_request_for_people, _TIME, console]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[_TIME, _redact, _ERROR, *rendered],
            # So that what was put together is told from what was given.
            use_get_message=False,
            pass_foreign_args=True,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(severity, logging.WARNING))
    logging.getLogger(_OURS).setLevel(severity)
    requests = structlog.wrap_logger(
        handler,
        processors=request_rendered,
        wrapper_class=structlog.make_filtering_bound_logger(severity),
    ).bind()
    _log_what_nobody_caught()
    return handler


def dropped() -> int:
    """Lines that were lost since nobody read them in time."""
    handlers = logging.getLogger().handlers
    return sum(each.dropped for each in handlers if isinstance(each, DroppingQueueHandler))


def _log_what_nobody_caught() -> None:
    """Python would print it, with its message."""
    sys.excepthook = lambda _kind, error, _trace: logger.critical(
        "ended by an error", exc_info=error
    )
    threading.excepthook = lambda thread: logger.error(
        "a thread ended by an error", exc_info=thread.exc_value
    )
    sys.unraisablehook = lambda lost: logger.error(
        "an error that cannot be raised", exc_info=lost.exc_value
    )
    warnings.showwarning = lambda _message, category, filename, lineno, *_: logger.warning(
        "%s at %s:%d", category.__name__, filename, lineno
    )


def _request_as_json(_logger: Any, level: str, event: EventDict) -> str:
    entry = {"timestamp": utc_now(), "level": level, **event}
    return orjson.dumps(entry, option=orjson.OPT_UTC_Z).decode()


def _request_for_people(_logger: Any, level: str, event: EventDict) -> EventDict:
    method, route, status, duration = map(event.pop, ("method", "route", "status", "duration_ms"))
    event["event"] = f"{method} {route} {status} in {duration} ms"
    said = {name: str(value) for name, value in event.items() if value not in {None, COMPLETED}}
    return {"level": level, **said}


def _redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """What may be said: see `redaction.py`."""
    record: logging.LogRecord = event.pop("_record")
    is_ours = event.pop("_from_structlog") or record.name.partition(".")[0] == _OURS
    arguments = event.pop("positional_args", ())
    text = str(event.pop("event"))
    if not is_ours:
        text = redaction.foreign(text, arguments)
    elif arguments:
        text %= arguments
    entry: EventDict = {
        "timestamp": event.pop("timestamp"),
        "level": record.levelname.lower(),
        "event": redaction.redact(text),
        "logger": record.name,
    }
    if request_id.get() is not None:
        entry["request_id"] = request_id.get()
    event.pop("stack_info", None)
    for name, value in event.items():
        entry[name] = value if name == "exc_info" else redaction.safe(name, value)
    return entry


def _escape(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """On one line, without anything that a terminal would obey."""
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            event[name] = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
    return event
