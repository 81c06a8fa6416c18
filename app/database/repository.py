"""The base of all repositories: a connection, and the constraints that mean something."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import asyncpg
import orjson

from app.core.errors import AppError
from app.core.schemas import JsonRow, Patch
from app.database.statement import Statement
from app.database.unit_of_work import Connection

# What a statement gives, as services know it.
Row = asyncpg.Record


def json_row(row: Row) -> JsonRow:
    """The row of an answer."""
    return JsonRow(row["id"], row["version"], row["body"])


def differences(row: Row, data: Patch) -> dict[str, Any]:
    """The fields of a patch that a row's JSON has otherwise, as they were validated."""
    current = orjson.loads(row["body"])
    sent = data.model_dump(mode="json", include=data.model_fields_set)
    return {name: value for name, value in data.given().items() if sent[name] != current[name]}


class Repository:
    """SQL of one feature. The database decides conflicts: `conflicts` names what each means."""

    conflicts: ClassVar[Mapping[str, Callable[[], AppError]]] = {}

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _all(self, statement: Statement, **params: Any) -> list[Row]:
        try:
            return await self._connection.fetch_all(statement, **params)
        except asyncpg.IntegrityConstraintViolationError as error:
            meaning = self.conflicts.get(error.constraint_name or "")
            if meaning is None:
                raise
            raise meaning() from None

    async def _one(self, statement: Statement, **params: Any) -> Row | None:
        rows = await self._all(statement, **params)
        return rows[0] if rows else None

    async def _value(self, statement: Statement, **params: Any) -> Any:
        rows = await self._all(statement, **params)
        return rows[0][0] if rows else None
