"""Whole bodies that are dear to read: JSON, forms, and what is neither."""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from urllib.parse import quote_plus, urlencode

from tests.web.operations import Json

# What is sent instead of a valid body, made of one.
Body = Callable[[Json], bytes]

# The most that any operation reads, and the most of one that needs no token.
LARGE = 1 << 20
SMALL = 1 << 14

_ITEMS = (
    "[]", "{}", "0", "null", "1.5", "1e9", "12345678901234567890", '""', '"a"', '"\\u00e9"',
    '{"a":0}', "[[]]", '[{"b":[]}]', '"2026-11-30"',
)  # fmt: skip


def always(body: bytes) -> Body:
    return lambda _value: body


def json_values(size: int) -> Iterator[tuple[str, str]]:
    """JSON of so many bytes, or what looks like it."""
    for item in _ITEMS:
        yield f"an array of {item}", _array(item, size)
    yield "other keys", _keys(size)
    yield "the same key", "{" + ",".join(['"a":0'] * (size // 6 - 1)) + "}"
    yield "a long key", json.dumps({"k" * (size - 8): 0})
    yield "arrays in arrays", "[" * (size // 2) + "]" * (size // 2)
    yield "arrays in arrays without an end", "[" * size
    yield "objects in objects", '{"a":' * (size // 6) + "0" + "}" * (size // 6)
    yield "deep arrays, one after the other", _array("[" * 500 + "]" * 500, size)
    yield "a long integer", "9" * size
    yield "a long fraction", "0." + "9" * (size - 2)
    yield "a long exponent", "1e" + "9" * (size - 2)
    yield "a long text", '"' + "x" * (size - 2) + '"'
    yield "a long text of escapes", '"' + "\\u0301\\u0316" * (size // 12) + '"'
    yield "a long text of surrogates", '"' + "\\ud83d\\ude00" * (size // 12) + '"'
    yield "a long text of lone surrogates", '"' + "\\ud83d" * (size // 6) + '"'
    yield "a long text of marks", '"' + "\u0301\u0316" * (size // 4) + '"'
    yield "white space", " " * (size - 1) + "0"
    yield "a text without an end", '"' + "x" * (size - 1)


def json_bodies(size: int) -> Iterator[tuple[str, Body]]:
    """Bodies of so many bytes for an operation that takes JSON."""
    for name, raw in json_values(size - 64):
        yield name, always(raw.encode())
        yield f"beside what is asked for, {name}", _beside(raw)
    keys = _keys(size)[1:]
    yield (
        "what is asked for and other keys",
        lambda value: _object(value)[:-1] + b"," + keys.encode(),
    )
    yield "what is asked for and white space", lambda value: _object(value) + b" " * (size - 4096)
    yield (
        "what is asked for, many times",
        lambda value: (
            b"[" + b",".join([_object(value)] * (size // (len(_object(value)) + 1) - 1)) + b"]"
        ),
    )
    yield "no UTF-8 at the end", always(b'"' + b"x" * (size - 3) + b'\xff"')
    yield "UTF-16", always(_array("0", size // 2 - 2).encode("utf-16"))
    yield "nothing but NUL", always(b"\0" * size)


def form_bodies(size: int) -> Iterator[tuple[str, Body]]:
    """Bodies of so many bytes for an operation that takes a form."""
    yield "other fields", always(_fields(size))
    yield (
        "what is asked for and other fields",
        lambda form: _form(form) + b"&" + _fields(size - 4096),
    )
    for unit in (
        b"a&",
        b"a=1&",
        b"=&",
        b"&",
        b"=",
        b"+",
        b"%",
        b"%41",
        b"%cc%81%cc%96",
        b"\xcc\x81",
        b"\xff",
    ):
        yield f"many {unit!r}", always(unit * (size // len(unit)))
        yield f"a field of many {unit!r}", always(b"a=" + unit * (size // len(unit) - 2))
    yield "JSON", always(_array("[]", size).encode())


def other_bodies(size: int) -> Iterator[tuple[str, str, bytes]]:
    """A content type that none takes, and a body of it."""
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    yield "multipart", "multipart/form-data; boundary=x", part * (size // len(part))
    yield "plain text", "text/plain", b"x" * size
    yield "no content type", "", b"x" * size
    yield "a long content type", "application/json;" + ";" * 50_000, b"{}"
    yield "a long charset", 'application/json; charset="' + "x" * 50_000 + '"', b"{}"


def random_body(dice: random.Random, size: int) -> Body:
    """JSON of a few things, in one another or one after the other, many times over."""
    items = [dice.choice(_ITEMS) for _ in range(dice.randint(1, 5))]
    depth = dice.choice((0, 0, 1, 10, 100))
    open_, close = dice.choice(("[]", ('{"a":', "}")))
    unit = open_ * depth + ",".join(items) * (not depth) + items[0] * bool(depth) + close * depth
    raw = "[" + ",".join([unit] * (size // (len(unit) + 1))) + "]"
    return dice.choice((always(raw.encode()), _beside(raw)))


def _beside(raw: str) -> Body:
    """What is asked for, with one field more."""
    return lambda value: _object(value)[:-1] + b',"x":' + raw.encode() + b"}"


def _object(value: Json) -> bytes:
    return json.dumps(value).encode()


def _form(form: Json) -> bytes:
    return urlencode(form).encode()


def _array(item: str, size: int) -> str:
    return "[" + ",".join([item] * max(size // (len(item) + 1) - 1, 1)) + "]"


def _keys(size: int) -> str:
    return "{" + ",".join([f'"{name}":0' for name in _names(size // 9 - 1)]) + "}"


def _fields(size: int) -> bytes:
    return "&".join([f"{quote_plus(name)}=" for name in _names(size // 7 - 1)]).encode()


def _names(count: int) -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    return itertools.islice(map("".join, itertools.product(letters, repeat=4)), count)
