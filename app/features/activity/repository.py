"""Runs the statements of activity, and turns no row into an error."""

from collections.abc import Callable
from uuid import UUID

from app.core.errors import NotFound
from app.core.pagination import Position
from app.database.repository import Repository, Row
from app.database.shapes import SHAPES
from app.database.statement import Statement
from app.database.unit_of_work import Connection
from app.features.activity import statements
from app.features.activity.schemas import ActivityQuery


class ActivityRepository(Repository):
    """What one principal (`seen`, from `permissions.seen_by`) sees of what happened."""

    def __init__(self, connection: Connection, seen: dict[str, UUID | None]) -> None:
        super().__init__(connection)
        self._seen = seen

    async def of_todo(
        self, todo_id: UUID, query: ActivityQuery, after: Position | None
    ) -> list[Row]:
        """Rows of `body`, `sort_key` and `id`, or one without a body. Raises `NotFound`."""
        return await self._page(statements.todo_page, todo_id, query, after)

    async def of_project(
        self, project_id: UUID, query: ActivityQuery, after: Position | None
    ) -> list[Row]:
        """The same of a project."""
        return await self._page(statements.project_page, project_id, query, after)

    async def _page(
        self,
        build: Callable[..., Statement],
        resource_id: UUID,
        query: ActivityQuery,
        after: Position | None,
    ) -> list[Row]:
        statement = await SHAPES.statement(
            self._seen["principal_id"],
            build,
            is_first=after is None,
            with_total=query.include_total,
        )
        last = {} if after is None else {"last_key": after.key}
        rows = await self._all(
            statement, **self._seen, **last, id=resource_id, limit=query.limit + 1
        )
        if not rows:
            raise NotFound
        return rows
