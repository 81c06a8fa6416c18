"""The rules of comments."""

from typing import Any
from uuid import UUID

from app.core.clock import new_id
from app.core.context import Context, Expected
from app.core.errors import Forbidden, NotFound
from app.core.pagination import Cursors
from app.core.schemas import JsonPage, JsonRow
from app.core.signing import Signer
from app.database.repository import Row, differences, json_row
from app.database.row_changes import RowChange
from app.features.comments.repository import CommentRepository
from app.features.comments.schemas import CommentCreate, CommentQuery, CommentUpdate
from app.features.projects.permissions import require_editable, require_owner
from app.security.principal import Principal


class CommentService:
    """Reads and changes comments, for one principal in one request; a todo may have `quota`."""

    def __init__(
        self,
        repository: CommentRepository,
        principal: Principal,
        context: Context,
        signer: Signer,
        quota: int,
    ) -> None:
        self._repository = repository
        self._principal = principal
        self._context = context
        self._signer = signer
        self._quota = quota

    async def read(self, todo_id: UUID, comment_id: UUID) -> JsonRow:
        """Read a comment. Raises `NotFound`."""
        return await self._repository.read(todo_id, comment_id)

    async def list(self, todo_id: UUID, query: CommentQuery) -> JsonPage:
        """Read a page. Raises `NotFound`, `CursorInvalid`."""
        binding = query.binding(f"comments of {todo_id}")
        cursors = Cursors(self._signer, self._principal.user_id, binding)
        rows = await self._repository.page(todo_id, query, cursors.decode(query.cursor))
        return cursors.page(rows, query)

    async def create(self, todo_id: UUID, data: CommentCreate) -> JsonRow:
        """Comment on a todo. Raises what the repository's `insert` raises."""
        values = {
            "id": data.id or new_id(),
            "author_id": self._principal.user_id,
            "body": data.body,
        }
        return await self._repository.insert(todo_id, values, quota=self._quota, **self._by())

    async def update(
        self, todo_id: UUID, comment_id: UUID, data: CommentUpdate, expected: Expected
    ) -> JsonRow:
        """Change a comment of one's own.

        Raises `NotFound`, `Forbidden`, `ProjectArchived`, `VersionConflict`.
        """
        comment = await self._lock(todo_id, comment_id)
        if not self._is_author(comment):
            raise Forbidden
        expected.check(comment["version"])
        values = differences(comment, data)
        if not values:
            return json_row(comment)
        change = RowChange(comment_id, "comment.updated", values)
        return await self._repository.update(change, **self._by())

    async def delete(self, todo_id: UUID, comment_id: UUID, expected: Expected) -> None:
        """Delete a comment of one's own, or on a todo of one's own project.

        Raises `NotFound`, `Forbidden`, `ProjectArchived`, `VersionConflict`.
        """
        comment = await self._lock(todo_id, comment_id)
        if not self._is_author(comment):
            require_owner(comment)
        expected.check(comment["version"])
        by = self._by()
        change = RowChange(comment_id, "comment.deleted", {"deleted_at": by["now"]})
        await self._repository.update(change, **by)

    async def _lock(self, todo_id: UUID, comment_id: UUID) -> Row:
        comment = await self._repository.lock(todo_id, comment_id)
        if comment is None:
            raise NotFound
        require_editable(comment)
        return comment

    def _is_author(self, comment: Row) -> bool:
        return bool(comment["author_id"] == self._principal.user_id)

    def _by(self) -> dict[str, Any]:
        return self._context.by(self._principal.user_id)
