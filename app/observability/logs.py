"""Logs on stderr: readable on a terminal, one JSON object a line elsewhere.

All lines go through the standard library's `logging` and are rendered by structlog, after
`redaction.py` has decided what they may say. The line of a request goes to the same queue by a
shorter chain, since every request pays for it; of what was sent it has only the request's id.
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
    # https://no-color.org
    colors = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    console = structlog.dev.ConsoleRenderer(colors=colors) if stream.isatty() else None
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _TIME,
        _add_request,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    # Escapes all but ASCII, and so every kind of line break and lone surrogates too.
    as_json = structlog.processors.JSONRenderer()
    handler = DroppingQueueHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[_redact, *([as_json] if console is None else [_escape, console])],
            # So that what was put together is told from what was given.
            use_get_message=False,
            pass_foreign_args=True,
        )
    )
    severity = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(severity, logging.WARNING))
    logging.getLogger(_OURS).setLevel(severity)
    requests = structlog.wrap_logger(
        handler,
        processors=[_request_as_json] if console is None else [_request_for_people, _TIME, console],
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


def _add_request(_logger: Any, _method: str, event: EventDict) -> EventDict:
    current = request_id.get()
    if current is not None:
        event["request_id"] = current
    return event


def _redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """What may be said: see `redaction.py`."""
    record: logging.LogRecord = event.pop("_record")
    is_ours = event.pop("_from_structlog") or record.name.partition(".")[0] == _OURS
    arguments = event.pop("positional_args", ())
    error, text = event.pop("exc_info", None), str(event.pop("event"))
    event.pop("stack_info", None)
    if not is_ours:
        text = redaction.foreign(text, arguments)
    elif arguments:
        text %= arguments
    entry = {
        "timestamp": event.pop("timestamp"),
        "level": event.pop("level"),
        "event": redaction.redact(text),
        **{name: redaction.safe(value, name) for name, value in event.items()},
    }
    if error is True:
        error = sys.exception()
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        entry["exception"] = redaction.trace(error)
    return entry


def _escape(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """On one line, without anything that a terminal would obey."""
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            event[name] = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
    return event
