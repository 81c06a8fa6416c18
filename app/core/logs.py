"""Logs, on stderr: readable on a terminal, one JSON object a line elsewhere.

Everything goes through the standard library's `logging`, structlog's own loggers too, and is
rendered here; so no value can break a line, and no traceback shows local variables.
"""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

_TALKATIVE = ("alembic", "uvicorn")
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(level: str, stream: TextIO = sys.stderr) -> None:
    """Log what is at least as severe as `level`; replaces what was configured before."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(is_terminal=stream.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # At "info" they tell of each start and end what the command says already.
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


def _renderers(*, is_terminal: bool) -> list[Processor]:
    if is_terminal:
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
