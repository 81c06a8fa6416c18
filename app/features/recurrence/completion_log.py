"""What of repeating todos was completed: rows written in the transaction of the todo's own change.

It is what other features know of the table. Who may see or change a todo, they have asked before.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from app.core.clock import new_id
from app.core.errors import NotFound
from app.database.repository import Repository, Row
from app.features.recurrence import statements
from app.features.recurrence.errors import CompletionNotLatest
from app.features.recurrence.repetition import Repetition

_OCCURRENCE = (
    "due_local",
    "due_timezone",
    "due_all_day",
    "recurrence_rrule",
    "series_start",
    "series_number",
)


def completed_occurrence(todo: Row, repetition: Repetition, *, is_last: bool) -> dict[str, Any]:
    """The completion of a locked todo's occurrence, by the one change of it that comes next."""
    columns = repetition.columns()
    return {
        **{name: columns[name] for name in _OCCURRENCE},
        "todo_id": todo["id"],
        "todo_version": todo["version"] + 1,
        "is_last": is_last,
    }


class CompletionLog(Repository):
    """The completions of locked todos."""

    async def add(self, completions: Sequence[Mapping[str, Any]], **by: Any) -> dict[UUID, Row]:
        """Insert completions (`completed_occurrence`); returns the JSON of each, by todo."""
        if not completions:
            return {}
        made = {"completed_at": by["now"], "completed_by": by["actor_id"]}
        rows = [{**each, **made, "id": new_id()} for each in completions]
        given = orjson.dumps(rows, default=UUID.__str__).decode()
        return {row["todo_id"]: row for row in await self._all(statements.INSERT, given=given)}

    async def take_back(self, todo_id: UUID, completion_id: UUID) -> Row:
        """Delete a todo's latest completion; returns what it was.

        Raises `NotFound`, `CompletionNotLatest`.
        """
        latest = await self._one(statements.LATEST, todo_id=todo_id, id=completion_id)
        if latest is None:
            raise NotFound
        if latest["id"] != completion_id:
            raise CompletionNotLatest
        await self._all(statements.DELETE, id=completion_id)
        return latest
