"""What the app sends to PostgreSQL for a request, and the plan that PostgreSQL makes of it."""

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from app.database.pool import PooledConnection
from app.database.statement import Statement
from tests.people import Json, Person


async def statement_of(person: Person, url: str) -> tuple[str, list[Any]]:
    """What the app sends for a page of a list, and its parameters."""
    sent: list[tuple[str, list[Any]]] = []
    fetch = PooledConnection.fetch

    async def noted(connection: Any, statement: Statement, arguments: list[Any]) -> Any:
        if "sort_key" in statement.sql:
            sent.append((statement.sql, list(arguments)))
        return await fetch(connection, statement, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PooledConnection, "fetch", noted)
        response = await person.get(f"/v1/{url}")
        assert response.status_code == 200, response.text
    [told] = sent
    return told


async def plan_of(database: asyncpg.Connection, sql: str, arguments: list[Any]) -> list[Json]:
    """The nodes of a statement's plan, the first of them all of it."""
    await database.execute(f"PREPARE page AS {sql}")
    values = ", ".join(map(_literal, arguments))
    plan = await database.fetchval(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE page ({values})"
    )
    await database.execute("DEALLOCATE page")
    return [*_nodes(json.loads(plan)[0]["Plan"])]


def rows_of(node: Json, table: str) -> int:
    """The rows of a table that a node touches itself."""
    name = node.get("Index Name", "")
    is_bitmap = node["Node Type"] == "Bitmap Index Scan"
    if node.get("Relation Name") != table and not (is_bitmap and table in name):
        return 0
    names = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    rows: float = node["Actual Rows"]
    rows += sum(node.get(name, 0) for name in names)
    return round(rows * int(node["Actual Loops"]))


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return _literal("{" + ",".join(map(str, value)) + "}")
    return "'" + str(value).replace("'", "''") + "'"


def _nodes(node: Json) -> Iterator[Json]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)
