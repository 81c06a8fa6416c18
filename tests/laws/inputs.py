"""Dear inputs of every operation, made of what the document says that it takes.

What is refused is among them: to refuse may cost as much as to do.
"""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from tests.laws import bodies, heads
from tests.laws.bodies import Body
from tests.laws.texts import TEXTS, texts
from tests.web.callers import Caller, Header
from tests.web.operations import (
    FORM,
    OPERATIONS,
    Json,
    Operation,
    alternatives,
    resolved,
    with_field,
)

_KNOWN_CONTENTS = {FORM, "application/json", "application/merge-patch+json"}
# Characters of a text for which the document has no limit, in a body and in an address.
_UNLIMITED = 100_000
_IN_AN_ADDRESS = 20_000
_IN_A_PATH = ("letters", "digits", "dots", "marks in the worst order", "ligatures of 18 letters")
_RANDOM = 20


@dataclass(frozen=True)
class Input:
    """A request that is valid but for what stands here."""

    name: str
    query: str = ""
    headers: tuple[Header, ...] = ()
    path: Mapping[str, str] | None = None
    body: Body | None = None

    def body_for(self, caller: Caller, operation: Operation) -> bytes | None:
        """None: the valid one."""
        if self.body is None:
            return None
        if operation.is_form:
            return self.body(caller.form(operation))
        return self.body({} if operation.body is None else caller.value(operation))


def inputs(operation: Operation, seed: int) -> Iterator[Input]:
    """All of them; each is made when it is its turn, since many have 1 MiB.

    Raises `AssertionError` for an operation that takes what nobody here knows how to make.
    """
    assert operation.contents.keys() <= _KNOWN_CONTENTS, f"{operation} has no dear bodies here"
    yield Input("a valid request")
    is_first = _FIRST[_head_of(operation)] is operation
    if is_first:
        for name, headers in heads.headers():
            yield Input(name, headers=headers)
        for name, query in heads.queries():
            yield Input(name, query=query)
    yield from _paths(operation)
    yield from _queries(operation)
    # What needs no token has less to read, and is refused for more.
    sizes = (bodies.LARGE,) if operation.scopes is not None else (bodies.SMALL, bodies.LARGE)
    for size in sizes if operation.contents or is_first else ():
        yield from _bodies(operation, size)
    yield from _fields(operation)
    yield from _random(operation, random.Random(f"{seed} {operation}"))


def _head_of(operation: Operation) -> tuple[object, ...]:
    """What reading its head depends on: of those that are alike one stands for all."""
    parameters = operation.parameters("query")
    return operation.method, operation.scopes is None, *operation.contents, "limit" in parameters


_FIRST = {_head_of(operation): operation for operation in reversed(OPERATIONS)}


def _paths(operation: Operation) -> Iterator[Input]:
    for name in operation.parameters("path"):
        for of in _IN_A_PATH:
            text = TEXTS[of](_IN_AN_ADDRESS)
            yield Input(f"{of} as {name}", path={name: _quoted(text)})


def _queries(operation: Operation) -> Iterator[Input]:
    for name, parameter in operation.parameters("query").items():
        length = _length([parameter["schema"]], _IN_AN_ADDRESS)
        for of, text in texts(length, has_form=length == _IN_AN_ADDRESS):
            yield Input(f"{of} as {name}", query=f"{name}={_quoted(text)}")
        for count in (2, 200, 1500):
            values = [f"{name}=00000000-0000-7000-8000-{n:012}" for n in range(count)]
            yield Input(f"{count} times {name}", query="&".join(values)[: heads.SIZE])


def _bodies(operation: Operation, size: int) -> Iterator[Input]:
    whole: list[tuple[str, Body]] = []
    if operation.is_form:
        whole += bodies.form_bodies(size)
    elif operation.contents:
        whole += bodies.json_bodies(size)
    for name, body in whole:
        yield Input(f"{size} bytes: {name}", body=body)
    for name, content_type, content in bodies.other_bodies(size):
        headers = ((b"Content-Type", content_type.encode()),)
        yield Input(f"{size} bytes: {name}", headers=headers, body=bodies.always(content))


def _fields(operation: Operation) -> Iterator[Input]:
    """Something dear in each field."""
    if operation.is_form:
        for name, schema in resolved(operation.contents[FORM]["schema"])["properties"].items():
            for of, text in _texts([schema]):
                yield Input(f"{len(text)} of {of} as {name}", body=_form(name, text))
    elif operation.contents:
        for path, kinds in _parts(operation.body_schema):
            name = ".".join(path)
            for of, text in _texts(kinds):
                # As it is, or by escapes.
                raw = json.dumps(text, ensure_ascii=len(of) % 2 == 0)
                yield Input(f"{len(text)} of {of} as {name}", body=_json(path, raw))
            for of, raw in bodies.json_values(bodies.SMALL):
                yield Input(f"{of} as {name}", body=_json(path, raw))


def _texts(kinds: list[Json]) -> Iterator[tuple[str, str]]:
    """Of the greatest length that is allowed, and far beyond."""
    length = _length(kinds, _UNLIMITED)
    if length < _UNLIMITED:
        yield from texts(length)
    yield from texts(_UNLIMITED, has_form=True)


def _length(kinds: list[Json], default: int) -> int:
    strings = [kind for schema in kinds for kind in alternatives(schema)]
    return max([kind["maxLength"] for kind in strings if "maxLength" in kind], default=default)


def _random(operation: Operation, dice: random.Random) -> Iterator[Input]:
    """Some of all this at once."""
    known = [headers for _, headers in heads.headers() if len(headers) == 1]
    for number in range(_RANDOM):
        body = None
        headers = [
            header for sample in dice.sample(known, dice.choice((0, 0, 1))) for header in sample
        ]
        if operation.body is not None and dice.random() < 0.7:
            body = bodies.random_body(dice, dice.choice((bodies.SMALL, bodies.LARGE)))
        query = heads.random_query(dice, operation)
        if "limit" in operation.parameters("query") and "limit=" not in query:
            query = f"limit=200&{query}"
        yield Input(f"random {number}: {query} {headers}"[:300], query, tuple(headers), body=body)


def _parts(
    schema: Json, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], list[Json]]]:
    """Each field that a body may have, nested ones too, and what its value may be."""
    for kind in alternatives(schema):
        for name, part in kind.get("properties", {}).items():
            yield (*path, name), [part]
            yield from _parts(part, (*path, name))
        if "items" in kind:
            yield from _parts(kind["items"], (*path, "0"))


def _json(path: tuple[str, ...], raw: str) -> Body:
    return lambda value: with_field(value, path, raw)


def _form(name: str, text: str) -> Body:
    return lambda form: urlencode({**form, name: text}).encode()


def _quoted(text: str) -> str:
    """Percent-encoded, of as many of the characters as a head takes."""
    quoted = quote(text)
    return quote(text[: len(text) * heads.SIZE // max(len(quoted), heads.SIZE)])
