"""The base of all repositories: a connection, and the constraints that mean something."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import asyncpg

from app.core.errors import AppError
from app.database.statement import Statement
from app.database.unit_of_work import Connection


class Repository:
    """SQL of one feature. The database decides conflicts: `conflicts` names what each means."""

    conflicts: ClassVar[Mapping[str, Callable[[], AppError]]] = {}

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        try:
            return await self._connection.fetch_all(statement, **params)
        except asyncpg.IntegrityConstraintViolationError as error:
            meaning = self.conflicts.get(error.constraint_name or "")
            if meaning is None:
                raise
            raise meaning() from None

    async def _one(self, statement: Statement, **params: Any) -> asyncpg.Record | None:
        rows = await self._all(statement, **params)
        return rows[0] if rows else None

    async def _value(self, statement: Statement, **params: Any) -> Any:
        rows = await self._all(statement, **params)
        return rows[0][0] if rows else None
