"""The rows of `changes`, as tests look at them."""

import json
from typing import Any

import asyncpg

from tests.people import Person

Change = dict[str, Any]


class Log:
    """What one person changed; each call tells of what came since the one before."""

    def __init__(
        self, database: asyncpg.Connection, person: Person, resource: str = "todo"
    ) -> None:
        self._database = database
        self._person = person
        self._resource = resource
        self._last = 0

    async def new(self) -> list[Change]:
        rows = await self._database.fetch(
            "SELECT * FROM changes WHERE actor_id = $1 AND resource_type = $2 AND id > $3 "
            "ORDER BY id",
            self._person.id,
            self._resource,
            self._last,
        )
        self._last = max([self._last, *(row["id"] for row in rows)])
        return [
            {
                **row,
                "changed": json.loads(row["changed"]),
                "row_after": json.loads(row["row_after"]),
            }
            for row in rows
        ]
