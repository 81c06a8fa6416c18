"""The rules of todos: how input becomes rows, and who asks for what."""

from uuid import UUID

from app.core.clock import new_id
from app.core.context import Context
from app.core.pagination import Cursors
from app.core.positions import last_position
from app.core.schemas import JsonPage, JsonRow
from app.core.signing import Signer
from app.database.versions import Expected
from app.features.projects.service import ProjectService
from app.features.todos.errors import SortNeedsProject, SortNeedsSearch
from app.features.todos.repository import TodoRepository
from app.features.todos.schemas import TodoCreate, TodoQuery, TodoUpdate
from app.security.principal import Principal


class TodoService:
    """Todos, on behalf of one principal in one request; who owns `quota` of them, gets no more."""

    def __init__(
        self,
        repository: TodoRepository,
        projects: ProjectService,
        principal: Principal,
        context: Context,
        signer: Signer,
        quota: int,
    ) -> None:
        self._repository = repository
        self._projects = projects
        self._principal = principal
        self._context = context
        self._signer = signer
        self._quota = quota

    async def read(self, todo_id: UUID) -> JsonRow:
        """Raises `NotFound`."""
        return await self._repository.read(todo_id)

    async def list(self, query: TodoQuery) -> JsonPage:
        """One page. Raises `CursorInvalid`, `SortNeedsProject`, `SortNeedsSearch`."""
        if query.sort == "relevance" and query.q is None:
            raise SortNeedsSearch
        if query.sort in ("position", "-position") and len(set(query.project_id)) != 1:
            raise SortNeedsProject
        cursors = Cursors(self._signer, self._principal.user_id, query.binding("todos"))
        now = self._context.now()
        rows = await self._repository.page(query, cursors.decode(query.cursor), now)
        return cursors.page(rows, query, depends_on_time=query.overdue is not None)

    async def create(self, data: TodoCreate) -> JsonRow:
        """Raises what the repository's `add` does, and what says that the place takes none."""
        stored = await self._repository.add(
            data,
            id=data.id or new_id(),
            position=last_position(),
            quota=self._quota,
            **self._context.by(self._principal.user_id),
        )
        if stored is None:
            await self._projects.explain_refusal(data.project_id)
        return stored

    async def update(self, todo_id: UUID, data: TodoUpdate, expected: Expected) -> JsonRow:
        """Raises `NotFound`, `Forbidden`, `VersionConflict`."""
        return await self._repository.patch(
            todo_id, data, expected, **self._context.by(self._principal.user_id)
        )

    async def delete(self, todo_id: UUID, expected: Expected) -> None:
        """Delete it and its subtasks. Raises as `update` does."""
        await self._repository.remove(
            todo_id, expected, **self._context.by(self._principal.user_id)
        )
