"""The rules of the trash."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from app.core.context import Context, Expected
from app.core.errors import LocksContended, NotFound
from app.core.pagination import Cursors
from app.core.schemas import JsonPage, JsonRow
from app.core.signing import Signer
from app.features.projects.permissions import require_owner
from app.features.trash.purger import Purger
from app.features.trash.repository import TrashRepository
from app.features.trash.restoring import Restorer
from app.features.trash.schemas import TrashQuery
from app.security.principal import Principal


class TrashService:
    """Lists, restores and purges what was deleted, for one principal in one request.

    What was deleted longer than the `retention` ago is purged. What is restored goes to no owner
    who has `quota` todos, or would get more labels than `quota_labels`.
    """

    def __init__(
        self,
        repository: TrashRepository,
        purger: Purger,
        principal: Principal,
        context: Context,
        signer: Signer,
        quota: int,
        quota_labels: int,
        retention: timedelta,
    ) -> None:
        self._repository = repository
        self._purger = purger
        self._principal = principal
        self._context = context
        self._signer = signer
        self._quota = quota
        self._quota_labels = quota_labels
        self._retention = retention

    async def list(self, query: TrashQuery) -> JsonPage:
        """Read a page, the newest first. Raises `CursorInvalid`."""
        cursors = Cursors(self._signer, self._principal.user_id, query.binding("trash"))
        rows = await self._repository.page(
            cursors.decode(query.cursor),
            limit=query.limit + 1,
            with_total=query.include_total,
            retention=self._retention,
        )
        return cursors.page(rows, query)

    async def restore_todo(self, todo_id: UUID, expected: Expected) -> JsonRow:
        """Restore a todo. Raises what `Restorer.todo` does."""
        return await self._restorer().todo(todo_id, expected)

    async def restore_project(self, project_id: UUID, expected: Expected) -> JsonRow:
        """Restore a project. Raises what `Restorer.project` does."""
        return await self._restorer().project(project_id, expected)

    async def purge(self, item_id: UUID) -> None:
        """Purge one of the trash. Raises `NotFound`, `Forbidden`."""
        item = await self._repository.find_one(item_id)
        if item is None:
            raise NotFound
        require_owner(item)
        if not await self._purger.purge([item], **self._by()):
            # Somebody restored it, before the locks were there.
            raise LocksContended

    async def purge_all(self) -> None:
        """Purge all that the principal may."""
        await self._purger.purge(await self._repository.find_all(), **self._by())

    def _by(self) -> dict[str, Any]:
        return self._context.by(self._principal.user_id)

    def _restorer(self) -> Restorer:
        return Restorer(self._repository, self._quota, self._quota_labels, self._by())
