"""Reads the completions and the series of a visible todo."""

from uuid import UUID

from app.core.errors import NotFound
from app.core.pagination import Position
from app.database.repository import Repository, Row
from app.database.statement import Statement
from app.database.unit_of_work import Connection
from app.features.recurrence.repetition import COLUMNS
from app.features.recurrence.statements import page
from app.features.todos.sql.permissions import visible_todo

_todo = visible_todo.selected_columns
_seen = visible_todo.with_only_columns(_todo["id"])
_SERIES = ("id", "version", "completed_at", *COLUMNS)
_READ_SERIES = Statement(visible_todo.with_only_columns(*(_todo[name] for name in _SERIES)))
# By `is_first` and `with_total`.
_PAGES = {
    (is_first, with_total): page(_seen, is_first=is_first, with_total=with_total)
    for is_first in (True, False)
    for with_total in (True, False)
}


class CompletionRepository(Repository):
    """What one principal (`seen`, from `permissions.seen_by`) sees."""

    def __init__(self, connection: Connection, seen: dict[str, UUID | None]) -> None:
        super().__init__(connection)
        self._seen = seen

    async def page(
        self, todo_id: UUID, after: Position | None, *, limit: int, with_total: bool
    ) -> list[Row]:
        """Rows of `body`, `sort_key` and `id`, or one without a body. Raises `NotFound`."""
        last = {} if after is None else {"last_key": after.key}
        rows = await self._all(
            _PAGES[after is None, with_total], **self._seen, **last, id=todo_id, limit=limit
        )
        if not rows:
            raise NotFound
        return rows

    async def read_series(self, todo_id: UUID) -> Row:
        """A todo's version, and what `Repetition.of` reads. Raises `NotFound`."""
        row = await self._one(_READ_SERIES, **self._seen, id=todo_id)
        if row is None:
            raise NotFound
        return row
