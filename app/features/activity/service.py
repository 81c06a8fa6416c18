"""Reads what happened to a todo, or in a project."""

from uuid import UUID

from app.core.pagination import Cursors
from app.core.schemas import JsonPage
from app.core.signing import Signer
from app.features.activity.repository import ActivityRepository
from app.features.activity.schemas import ActivityQuery
from app.security.principal import Principal


class ActivityService:
    """Reads activity, the newest first, for one principal in one request."""

    def __init__(
        self, repository: ActivityRepository, principal: Principal, signer: Signer
    ) -> None:
        self._repository = repository
        self._principal = principal
        self._signer = signer

    async def of_todo(self, todo_id: UUID, query: ActivityQuery) -> JsonPage:
        """Read a page of a todo's. Raises `NotFound`, `CursorInvalid`."""
        cursors = self._cursors(query, f"activity of todo {todo_id}")
        rows = await self._repository.of_todo(todo_id, query, cursors.decode(query.cursor))
        return cursors.page(rows, query)

    async def of_project(self, project_id: UUID, query: ActivityQuery) -> JsonPage:
        """Read a page of a project's. Raises `NotFound`, `CursorInvalid`."""
        cursors = self._cursors(query, f"activity of project {project_id}")
        rows = await self._repository.of_project(project_id, query, cursors.decode(query.cursor))
        return cursors.page(rows, query)

    def _cursors(self, query: ActivityQuery, whose: str) -> Cursors:
        return Cursors(self._signer, self._principal.user_id, query.binding(whose))
