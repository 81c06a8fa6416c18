"""Arbitrary JSON in every body and arbitrary text in every parameter, a little of it each time."""

import json
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.answers import document_faults, faults
from tests.web.callers import Caller
from tests.web.operations import (
    FORM_OPERATIONS,
    JSON_OPERATIONS,
    OPERATIONS,
    Operation,
    alternatives,
)

texts = st.one_of(
    # Surrogates are among them: `json.dumps` writes each as an escape.
    st.text(st.characters(exclude_categories=[])),
    st.emails(),
    st.uuids().map(str),
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.isoformat("T", "seconds")),
    st.timezone_keys(),
    st.from_regex(r"[a-z]{2,3}(-[A-Z]{2})?"),
    st.from_regex(r"#[0-9a-f]{6}"),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
values = st.recursive(
    scalars,
    lambda children: st.one_of(
        st.lists(children, max_size=5),
        st.dictionaries(texts, children, max_size=5),
        st.fixed_dictionaries({"date": children}),
        st.fixed_dictionaries({"datetime": children, "timezone": children}),
    ),
    max_leaves=10,
)
raw = st.one_of(st.binary(max_size=50), texts.map(lambda text: text.encode(errors="replace")))


def bodies(operation: Operation) -> st.SearchStrategy[Any]:
    """Mostly objects with the fields of the operation, each right or not."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in operation.body_schema["properties"].items():
        choices = [kind["enum"] for kind in alternatives(field) if "enum" in kind]
        fields[name] = st.one_of(values, texts, *map(st.sampled_from, choices))
    some = st.fixed_dictionaries({}, optional=fields)
    return st.one_of(some, some, some, values)


@pytest.mark.parametrize("operation", JSON_OPERATIONS, ids=str)
@given(data=st.data())
async def test_any_json_is_answered(
    caller: Caller, operation: Operation, data: st.DataObject
) -> None:
    value = data.draw(bodies(operation))
    if isinstance(value, dict) and data.draw(st.booleans()):
        value = {**caller.value(operation), **value}
    # What was archived by one example would take no other.
    caller = Caller(caller.person)
    response = await caller.send(operation, body=json.dumps(value).encode())
    assert not [*faults(response), *document_faults(response, operation)]


@pytest.mark.parametrize("operation", JSON_OPERATIONS, ids=str)
@given(body=st.binary(max_size=200))
async def test_any_bytes_are_answered(caller: Caller, operation: Operation, body: bytes) -> None:
    response = await caller.send(operation, body=body)
    assert not [*faults(response), *document_faults(response, operation)]


@pytest.mark.parametrize("operation", FORM_OPERATIONS, ids=str)
@given(data=st.data())
async def test_any_form_is_answered(
    caller: Caller, operation: Operation, data: st.DataObject
) -> None:
    names = st.sampled_from(operation.form_fields).map(str.encode)
    form = data.draw(st.lists(st.tuples(st.one_of(names, names, names, raw), raw), max_size=6))
    written = data.draw(st.sampled_from([quote_from_bytes, lambda text: text.decode("latin-1")]))
    body = "&".join(f"{written(name)}={written(value)}" for name, value in form)
    response = await caller.send(operation, body=body.encode("latin-1"))
    assert not [*faults(response), *document_faults(response, operation)]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@given(data=st.data())
async def test_any_parameters_are_answered(
    caller: Caller, operation: Operation, data: st.DataObject
) -> None:
    parameters = list(operation.parameters("query"))
    names = st.sampled_from(parameters).map(str.encode) if parameters else raw
    query = "&".join(
        f"{quote_from_bytes(name)}={quote_from_bytes(value)}"
        for name, value in data.draw(st.lists(st.tuples(names, raw), max_size=4))
    )
    path = {
        name: quote_from_bytes(data.draw(raw.filter(bool)), safe="")
        for name in operation.parameters("path")
        if data.draw(st.booleans())
    }
    # Between the white space that HTTP itself strips, there is any byte but for line breaks.
    lines = st.binary(max_size=50).filter(lambda line: not set(line) & set(b"\r\n\0"))
    headers = [
        (name.encode(), data.draw(lines))
        for name in [*operation.parameters("header"), "X-Request-Id", "Accept", "Content-Type"]
        if data.draw(st.booleans())
    ]
    response = await caller.send(operation, query=query, path=path, headers=headers)
    found = list(faults(response))
    # A path parameter of dots or slashes leads elsewhere.
    if not path or response.json()["code"] not in ("route_not_found", "method_not_allowed"):
        found += document_faults(response, operation)
    assert not found
