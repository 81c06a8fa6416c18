"""Statements: what the program says is in the SQL, what a client sends is a parameter."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Integer, Text, bindparam, case, literal, null, select, true

from app.core.settings import Settings
from app.database.statement import Statement
from app.database.unit_of_work import Database

NASTY = ["it's", "'", "''", "\\", "\\'", "a\nb", "$1", ":name", "%s", "%%", "--", "/*", '"', "ü€😀"]

_name: Any = bindparam("name", type_=Text)
_limit: Any = bindparam("limit", type_=Integer)


@pytest.fixture
async def data(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    yield database
    await database.close()


def test_a_named_parameter_is_one_however_often_it_is_used() -> None:
    statement = Statement(select(_name.label("a"), _limit.label("b"), _name.label("c")))

    assert statement.arguments({"name": "Ada", "limit": 1}) in (["Ada", 1], [1, "Ada"])
    assert "Ada" not in statement.sql
    assert "$2" in statement.sql
    assert "$3" not in statement.sql


def test_a_parameter_that_is_left_out_is_an_error() -> None:
    with pytest.raises(KeyError):
        Statement(select(_name)).arguments({"limit": 1})


def test_what_it_has_no_parameter_for_is_not_sent() -> None:
    assert Statement(select(_name)).arguments({"name": "Ada", "limit": 1}) == ["Ada"]


def test_constants_are_no_parameters() -> None:
    statement = Statement(
        select(literal(7), literal("seven"), true(), null(), case((_name == "x", 1), else_=2))
    )
    assert statement.arguments({"name": "Ada"}) == ["Ada"]
    assert "'seven'" in statement.sql


@pytest.mark.parametrize("text", NASTY)
async def test_a_constant_arrives_as_it_is(data: Database, text: str) -> None:
    statement = Statement(select(literal(text, Text), _name))
    [row] = await data.primary.fetch_all(statement, name=text)
    assert tuple(row) == (text, text)


async def test_in_takes_constants(data: Database) -> None:
    statement = Statement(select(_name.in_(["owner", "it's"])))
    found = [await data.primary.fetch_all(statement, name=name) for name in ("it's", "x")]
    assert [is_in for [[is_in]] in found] == [True, False]
