"""Decides what a log may say, whichever library says it.

Of an error its type and the places that it came by are kept, never its message: that may repeat
what a client sent, or a URL with its password. What other libraries say is kept up to the first
thing that they quote. What looks like a secret is hidden in everything.
"""

import re
import traceback
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

HIDDEN = "***"

_MAX_CHARACTERS = 8192
_MAX_FRAMES = 50
_MAX_ERRORS = 10

# All patterns take linear time, whatever comes: what may be repeated is not given back (`++`).
_URL = re.compile(r"\b([a-z][a-z0-9+.-]{0,30}://)(\S*+)", re.IGNORECASE)
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END|\Z)"
    r"|\b(?:bearer|basic|digest)\s++[\w.~+/=-]{16,}+"
    r"|\beyJ[\w.-]{10,}+"  # a JWT
    r"|\btb[a-z]_[\w-]{16,}+"  # an opaque token of ours
    r"|\bwhsec_[\w+/=-]++"  # a webhook's secret
    r"|\$argon2\w*+\$[\w$=,+/.-]++",  # a password's hash
    re.IGNORECASE | re.DOTALL,
)
# `name=…`, `"name": …`, and a pair: `('name', …)`. All that follows may belong to the secret.
_NAMED = re.compile(
    r"((?:authorization|cookie|password|passwd|passphrase|secret|token|credential|"
    r"(?:api|secret|private|signing|idempotency)[-_]?key)(?:[-_]?hash(?:es)?|s)?)"
    r"\\*+(?:[\"']?\s*+[:=]|[\"']\s*+,).*",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(r"[(<\[{'\"`\n]")
_TRACEBACK = "Traceback (most recent call last)"
# In a traceback that a library has made text of: the places, and which error.
_PLACES = re.compile(
    r"^ +File \"[^\"\n]*\", line \d+, in \S+$|"
    r"^[A-Za-z_][\w.]*(?:Error|Exception|Exit|Group)(?=:|$)",
    re.MULTILINE,
)


def redact(text: str) -> str:
    """The text, without what looks like a secret."""
    text = _SHAPES.sub(HIDDEN, _URL.sub(_without_user, text[:_MAX_CHARACTERS]))
    return _NAMED.sub(rf"\1={HIDDEN}", text)


def _without_user(url: re.Match[str]) -> str:
    # Up to the last @, since a password may have one that was not escaped.
    _, at, rest = url[2].rpartition("@")
    return f"{url[1]}{HIDDEN}@{rest}" if at else url[0]


def safe(name: str, value: Any) -> Any:
    """A value that is logged under this name; of what is no text, number or time its type alone."""
    if value is not None and not isinstance(value, str | int | float | UUID | datetime):
        return f"<{type(value).__name__}>"
    if _NAMED.search(f"{name}="):
        return HIDDEN
    return value if value is None or isinstance(value, int | float) else redact(str(value))


def foreign(text: str, arguments: Any) -> str:
    """Another library's message up to the first thing that it quotes, of its arguments numbers.

    Of a traceback in it the places and the types are kept.
    """
    if _TRACEBACK in text:
        return redact("\n".join(("an error", *_PLACES.findall(text[: 8 * _MAX_CHARACTERS]))))
    text = _QUOTED.split(text.strip(), maxsplit=1)[0].strip()
    if isinstance(arguments, tuple):
        known = tuple(value if isinstance(value, int | float) else HIDDEN for value in arguments)
        with suppress(TypeError, ValueError):  # such as more arguments than are left of the text
            text %= known
    return redact(text)


def trace(error: BaseException) -> str:
    """Where an error came from, and those that caused it: types and places, no messages."""
    return "\n".join(islice(_traces(error, "", set()), _MAX_ERRORS))


def _traces(error: BaseException, relation: str, seen: set[int]) -> Iterator[str]:
    if id(error) in seen:
        return
    seen.add(id(error))
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    places = "".join(f"\n  {f.filename}:{f.lineno} in {f.name}" for f in frames)
    yield f"{relation}{_kind(error)}{places}"
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _traces(part, "part of it: ", seen)
    if error.__cause__ is not None:
        yield from _traces(error.__cause__, "caused by ", seen)
    elif error.__context__ is not None and not error.__suppress_context__:
        yield from _traces(error.__context__, "while handling ", seen)


def _kind(error: BaseException) -> str:
    """An error's type, and its errno, SQLSTATE or code."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    # The class's, not this very error's, which may have been put together from input.
    code = (
        getattr(error, "errno", None)
        or getattr(kind, "sqlstate", None)
        or getattr(kind, "code", None)
    )
    return f"{name} [{code}]" if isinstance(code, int | str) else name
