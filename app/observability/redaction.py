"""Decides what a log may say, whichever library says it.

Of an error its type and the places that it came by are kept, never its message: that may repeat
what a client sent, or a URL with its password. What other libraries say is kept up to the first
thing that they quote, and what looks like a secret is hidden in everything.
"""

import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

HIDDEN = "***"

Replacement = str | Callable[[re.Match[str]], str]

# A line longer than this is of use to nobody, and the patterns below take their time.
_MAX_CHARACTERS = 8192
_MAX_FRAMES = 50
_MAX_ERRORS = 10


def _without_user(url: re.Match[str]) -> str:
    # Up to the last @, since a password may have one that was not escaped.
    user, at, rest = url[2].rpartition("@")
    return f"{url[1]}{HIDDEN}@{rest}" if at else f"{url[1]}{user}{rest}"


# All of these take linear time, whatever comes: what one has read it does not read again from a
# later beginning, and what may be repeated it does not give back (`++`).
_KIND = (
    r"(?:authorization|cookie|password|passwd|passphrase|secret|token|credential|"
    r"(?:api|secret|private|signing|idempotency)[-_]?key)(?:[-_]?hash(?:es)?|s)?"
)
# `.name`, `x-name`, `b'name'`: whatever is before it.
_IS_SECRET = re.compile(rf"{_KIND}\W*+\Z", re.IGNORECASE)
# Up to the quotation mark that ends it, or to the end where the text was cut; also one in a string
# within a string, which ends by as many backslashes.
_STRING = (
    r"b?(?:\"(?:[^\"\\]|\\.?)*+(?:\"|\Z)|'(?:[^'\\]|\\.?)*+(?:'|\Z)|"
    r"(?P<escape>\\++)(?P<mark>[\"']).*?(?:(?<!\\)(?P=escape)(?P=mark)|\Z))"
)
_FLAGS = re.IGNORECASE | re.DOTALL
_PATTERNS: tuple[tuple[re.Pattern[str], Replacement], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"\b([a-z][a-z0-9+.-]{0,30}://)(\S*+)", re.IGNORECASE), _without_user),
    # Headers as they are sent: credentials are of several words.
    (
        re.compile(r"(authorization|cookie)s?\s*+[:=](?!\s*+b?\\*+[\"'])[^\r\n]*+", _FLAGS),
        rf"\1={HIDDEN}",
    ),
    (re.compile(r"\b(bearer|basic|digest)\s++[\w.~+/=-]{16,}+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w.-]{10,}+"), HIDDEN),  # a JWT
    (re.compile(r"\btb[a-z]_[\w-]{16,}+"), HIDDEN),  # an opaque token of ours
    (re.compile(r"\bwhsec_[\w+/=-]++"), HIDDEN),  # a webhook's secret
    (re.compile(r"\$argon2\w*+\$[\w$=,+/.-]++"), HIDDEN),  # a password's hash
    (
        re.compile(
            # `name=value`, `"name": "value"`, and a pair: `('name', 'value')`.
            rf"({_KIND})\\*+(?:[\"']?\s*+[:=]|[\"']\s*+,(?=\s*+b?\\*+[\"']))\s*+"
            rf"(?:{_STRING}|\[[^\]]*+\]?|\([^)]*+\)?|\{{[^}}]*+\}}?|[^\s\"',;&)}}\]]++)",
            _FLAGS,
        ),
        rf"\1={HIDDEN}",
    ),
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
    text = text[:_MAX_CHARACTERS]
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def safe(value: Any, name: str = "") -> Any:  # noqa: PLR0911
    """The value as JSON may have it, without secrets; of what is unknown here the type's name."""
    if _IS_SECRET.search(name):
        return HIDDEN
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, UUID | datetime):
        return str(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): safe(part, str(key)) for key, part in value.items()}
    if isinstance(value, list | tuple):
        # A pair may be a header's name and its value.
        names = ["", str(value[0])] if len(value) == 2 else [""] * len(value)
        return [safe(part, name) for part, name in zip(value, names, strict=True)]
    return f"<{type(value).__name__}>"


def foreign(text: str, arguments: Any) -> str:
    """What may be said of another library's message: all up to the first thing that it quotes.

    Of a traceback in it the places and the types are kept. Of the arguments numbers are.
    """
    if _TRACEBACK in text:
        return redact("\n".join(("an error", *_PLACES.findall(text[: 8 * _MAX_CHARACTERS]))))
    # What stands in the text itself may have been put together there; what is an argument is known.
    text = _QUOTED.split(text.strip(), maxsplit=1)[0].strip()
    if isinstance(arguments, tuple):
        known = tuple(value if isinstance(value, int | float) else HIDDEN for value in arguments)
        # More arguments than are left of the text, for one.
        with suppress(TypeError, ValueError):
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
    """An error's type, and the code by which its kind is looked up."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    errno = getattr(error, "errno", None)
    # Of the class, not of this very error: what stands there was not put together from input.
    code = errno or getattr(kind, "sqlstate", None) or getattr(kind, "code", None)
    return f"{name} [{code}]" if isinstance(code, int | str) else name
