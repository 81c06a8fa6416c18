"""Runs the statements of comments, and turns no row and violated constraints into errors."""

from typing import Any
from uuid import UUID

from app.core.errors import IdTaken, NotFound, QuotaExceeded
from app.core.pagination import Position
from app.core.schemas import JsonRow
from app.database.repository import Repository, Row, json_row
from app.database.row_changes import RowChange
from app.database.shapes import SHAPES
from app.database.statement import Statement
from app.database.unit_of_work import Connection
from app.features.comments import statements
from app.features.comments.schemas import CommentQuery
from app.features.comments.statements import COMMENTS
from app.features.projects.permissions import require_editable


class CommentRepository(Repository):
    """Reads and writes the comments that one principal (`seen`, from `seen_by`) sees."""

    conflicts = {"pk_comments": IdTaken}

    def __init__(self, connection: Connection, seen: dict[str, UUID | None]) -> None:
        super().__init__(connection)
        self._seen = seen

    async def read(self, todo_id: UUID, comment_id: UUID) -> JsonRow:
        """One comment. Raises `NotFound`."""
        row = await self._one(statements.READ, **self._seen, id=todo_id, comment_id=comment_id)
        if row is None:
            raise NotFound
        return json_row(row)

    async def page(self, todo_id: UUID, query: CommentQuery, after: Position | None) -> list[Row]:
        """Rows of `body`, `sort_key` and `id`, or one without a body. Raises `NotFound`."""
        statement = await SHAPES.statement(
            self._seen["principal_id"],
            statements.page,
            query.sort,
            is_first=after is None,
            with_total=query.include_total,
        )
        last = {} if after is None else {"last_key": after.key, "last_id": after.id}
        rows = await self._all(statement, **self._seen, **last, id=todo_id, limit=query.limit + 1)
        if not rows:
            raise NotFound
        return rows

    async def insert(
        self, todo_id: UUID, values: dict[str, Any], *, quota: int, **by: Any
    ) -> JsonRow:
        """Insert a comment, unless the todo has `quota` of them.

        Raises `NotFound`, `Forbidden`, `ProjectArchived`, `QuotaExceeded`, `IdTaken`.
        """
        params = {"given": COMMENTS.inserted(values, by["now"]), "id": todo_id, "quota": quota}
        row = await self._found(statements.CREATE, **params, **by)
        if row is None:
            raise NotFound
        if row["id"] is None:
            require_editable(row)
            raise QuotaExceeded("comments")
        return json_row(row)

    async def lock(self, todo_id: UUID, comment_id: UUID) -> Row | None:
        """Read a comment and lock it until the transaction ends; None if it is not visible."""
        return await self._found(statements.LOCK, id=todo_id, comment_id=comment_id)

    async def update(self, change: RowChange, **by: Any) -> JsonRow:
        """Change a locked comment."""
        row = await self._one(statements.UPDATE, given=COMMENTS.changed([change]), **by)
        assert row is not None
        return json_row(row)

    async def _found(self, statement: Statement, **params: Any) -> Row | None:
        """The row of a statement that holds the todo."""
        row = await self._one(statement, **self._seen, **params)
        # Where this waited for whoever moved it to another project, it is not found in the old one.
        return row or await self._one(statement, **self._seen, **params)
