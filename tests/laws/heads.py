"""Heads of requests that are dear to read: headers, and query strings."""

import base64
import random
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from tests.web.callers import Header
from tests.web.operations import Json, Operation, alternatives

# The server takes 64 KiB of a head.
SIZE = 60_000

_NESTED = base64.urlsafe_b64encode(b'{"a":' * 700).decode().rstrip("=")
_VALUES: Mapping[str, tuple[str, ...]] = {
    "Authorization": (
        "Bearer " + "a" * SIZE,
        "Bearer " + "a." * 2000,
        f"Bearer {_NESTED}.{_NESTED[:100]}.a",
        "Bearer " + " " * SIZE,
        "Basic " + "a" * SIZE,
        " " * SIZE,
    ),
    "If-Match": (
        '"1",' * (SIZE // 4),
        '"' + "1" * SIZE + '"',
        "," * SIZE,
        'W/"1",' * (SIZE // 6),
        "*," * (SIZE // 2),
    ),
    "If-None-Match": ('"1",' * (SIZE // 4), '"' + "1" * SIZE, "," * SIZE, 'W/"1", ' * (SIZE // 7)),
    "Idempotency-Key": ("a" * 255, "a" * SIZE, " " * SIZE, "\t" * SIZE),
    "Content-Length": ("9" * SIZE, "0" * SIZE, "-1"),
    "Content-Encoding": ("gzip," * (SIZE // 5), "identity," * (SIZE // 9)),
    "Content-Type": ("application/json;" + " " * SIZE, "a/" * (SIZE // 2), ";" * SIZE),
    "Host": (
        "a" * SIZE,
        "a." * (SIZE // 2),
        "%41" * (SIZE // 3),
        "[" + "1:" * (SIZE // 2),
        "." * SIZE + "/",
    ),
    "X-Request-Id": ("a" * SIZE, "a" * 128),
    "X-Forwarded-For": ("127.0.0.1," * (SIZE // 10),),
    "Forwarded": ("for=127.0.0.1;" * (SIZE // 14),),
    "Origin": ("https://" + "a." * (SIZE // 3),),
    "Cookie": ("a=b;" * (SIZE // 4),),
    "Accept": ("a/b;q=0.1," * (SIZE // 10),),
    "Range": ("bytes=" + "0-1," * (SIZE // 4),),
    "Traceparent": ("00-" + "a" * SIZE,),
    "Transfer-Encoding": ("gzip," * (SIZE // 5),),
}  # fmt: skip


def headers() -> Iterator[tuple[str, tuple[Header, ...]]]:
    """Headers that no operation asks for, or not so many or such long ones."""
    for name, values in _VALUES.items():
        for value in values:
            yield f"{name}: {value[:12]}…", ((name.encode(), value.encode()),)
    yield "12,000 headers", _times(12_000, b"a", b"")
    for name in ("If-Match", "If-None-Match", "Idempotency-Key", "Host", "Content-Type"):
        yield f"2,500 times {name}", _times(2500, name.encode(), b'"1"')


def _times(count: int, name: bytes, value: bytes) -> tuple[Header, ...]:
    return tuple([(name, value)] * count)


def queries() -> Iterator[tuple[str, str]]:
    """Query strings that no operation asks for."""
    yield "200 parameters", "&".join([f"a{number}=1" for number in range(200)])
    yield "9,000 parameters", "&".join([f"a{number}" for number in range(9000)])
    for unit in ("a&", "&", "=", "%", "%41", "+", "%cc%81%cc%96", "%ff", "a[]="):
        yield f"many {unit}", unit * (SIZE // len(unit))
        yield f"a parameter of many {unit}", "a=" + unit * (SIZE // len(unit) - 1)


def random_query(dice: random.Random, operation: Operation) -> str:
    """Some of an operation's parameters, with values that are probably good."""
    parameters = operation.parameters("query")
    names = [name for name in parameters if name != "cursor" and dice.random() < 0.4]
    pairs = []
    for name in names:
        kinds = [
            kind for kind in alternatives(parameters[name]["schema"]) if kind != {"type": "null"}
        ]
        kind = dice.choice(kinds)
        times = dice.choice((1, 2, 5)) if kind.get("type") == "array" else 1
        kind = next(iter(alternatives(kind["items"]))) if times > 1 or "items" in kind else kind
        pairs += [f"{name}={quote(_value(dice, kind))}" for _ in range(times)]
    return "&".join(pairs)


def _value(dice: random.Random, schema: Json) -> str:
    """One that the schema allows, if it is of a kind that is known here."""
    if "enum" in schema:
        return str(dice.choice(schema["enum"]))
    if "examples" in schema:
        return str(dice.choice(schema["examples"]))
    if schema.get("type") == "boolean":
        return dice.choice(("true", "false"))
    if schema.get("type") == "integer":
        return str(dice.choice((schema.get("minimum", 1), schema.get("maximum", 1 << 30))))
    if schema.get("format") == "uuid":
        return "00000000-0000-7000-8000-000000000000"
    return dice.choice(("a", "train 2026", "行く", "é" * 30))
