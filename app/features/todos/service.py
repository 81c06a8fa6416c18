"""The rules of todos."""

from collections.abc import Iterable
from uuid import UUID

from app.core.clock import new_id
from app.core.context import Context, Expected
from app.core.errors import NotFound
from app.core.pagination import Cursors
from app.core.positions import last_position
from app.core.schemas import JsonPage, JsonRow
from app.core.signing import Signer
from app.database.repository import Row, differences, json_row
from app.database.row_changes import RowChange
from app.features.projects.permissions import require_editable
from app.features.todos.columns import columns_of, words_of
from app.features.todos.errors import (
    ParentElsewhere,
    ParentNotFound,
    SortNeedsProject,
    SortNeedsSearch,
)
from app.features.todos.moves import TodoMover
from app.features.todos.repository import TodoRepository
from app.features.todos.schemas import TodoCreate, TodoMove, TodoQuery, TodoUpdate
from app.features.todos.subtasks import changes_above, completion_of, reopens
from app.security.principal import Principal

# Fields of a new todo that say where it goes, not what it contains.
_OF_PLACE = {"id", "project_id", "parent_id"}
_TOGGLED = {True: "todo.completed", False: "todo.reopened"}


class TodoService:
    """Reads and changes todos, for one principal in one request.

    A project takes no more todos once its owner has `quota` of them.
    """

    def __init__(
        self,
        repository: TodoRepository,
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

    async def read(self, todo_id: UUID) -> JsonRow:
        """Read a todo. Raises `NotFound`."""
        return await self._repository.read(todo_id)

    async def list(self, query: TodoQuery) -> JsonPage:
        """Read a page. Raises `CursorInvalid`, `SortNeedsProject`, `SortNeedsSearch`."""
        if query.sort == "relevance" and query.q is None:
            raise SortNeedsSearch
        if query.sort in ("position", "-position") and len(set(query.project_id)) != 1:
            raise SortNeedsProject
        cursors = Cursors(self._signer, self._principal.user_id, query.binding("todos"))
        now = self._context.now()
        rows = await self._repository.page(query, cursors.decode(query.cursor), now)
        return cursors.page(rows, query, depends_on_time=query.overdue is not None)

    async def create(self, data: TodoCreate) -> JsonRow:
        """Create a todo.

        Raises `ParentNotFound`, `ParentElsewhere`, and what the repository's `insert` raises.
        """
        fields = data.model_dump(exclude=_OF_PLACE) | {"due": data.due}
        words = await words_of(fields)
        by = self._context.by(self._principal.user_id)
        values = {
            **columns_of(fields, words, by["now"]),
            "id": data.id or new_id(),
            "project_id": data.project_id,
            "parent_id": data.parent_id,
            "depth": 1,
            "position": last_position(),
            "subtask_count": 0,
            "completed_subtask_count": 0,
            "created_by": self._principal.user_id,
        }
        if data.parent_id is None:
            return await self._repository.insert(values, quota=self._quota, **by)
        parent = await self._repository.lock_new_parent(data.parent_id)
        if parent is None:
            raise ParentNotFound
        if data.project_id not in (None, parent["project_id"]):
            raise ParentElsewhere
        values |= {"project_id": parent["project_id"], "depth": parent["depth"] + 1}
        todo = await self._repository.insert(values, quota=self._quota, **by)
        above = await self._above(parent, 1, int(data.completed))
        await self._repository.update([*above], **by)
        return todo

    async def update(self, todo_id: UUID, data: TodoUpdate, expected: Expected) -> JsonRow:
        """Change a todo; completing it completes those below, and opening it opens those above.

        Raises `NotFound`, `Forbidden`, `ProjectArchived`, `VersionConflict`.
        """
        given = data.given()
        words = await words_of(given)
        below: list[Row] = []
        if given.get("completed"):
            todo, below = await self._repository.lock_open_tree(todo_id)
        else:
            found = await self._repository.lock(todo_id)
            if found is None:
                raise NotFound
            require_editable(found)
            todo = found
        expected.check(todo["version"])
        fields = differences(todo, data)
        if not fields:
            return json_row(todo)
        by = self._context.by(self._principal.user_id)
        event = _TOGGLED[fields["completed"]] if "completed" in fields else "todo.updated"
        values = columns_of(fields, words, by["now"])
        changes = [RowChange(todo_id, event, values)]
        if fields.get("completed"):
            values["completed_subtask_count"] = todo["subtask_count"]
            changes += [completion_of(row, by["now"]) for row in below]
        if "completed" in fields and todo["parent_id"] is not None:
            step = 1 if fields["completed"] else -1
            changes += await self._change_parent(todo["parent_id"], 0, step)
        return await self._repository.update(changes, **by)

    async def move(self, todo_id: UUID, data: TodoMove, expected: Expected) -> JsonRow:
        """Move a todo and all below it. Raises what `TodoMover.move` does."""
        by = self._context.by(self._principal.user_id)
        return await TodoMover(self._repository, self._quota, by).move(todo_id, data, expected)

    async def delete(self, todo_id: UUID, expected: Expected) -> None:
        """Delete a todo and its subtasks. Raises as `update` does."""
        tree = await self._repository.lock_tree(todo_id)
        if not tree:
            raise NotFound
        todo = tree[-1]
        require_editable(todo)
        expected.check(todo["version"])
        by = self._context.by(self._principal.user_id)
        changes = [RowChange(row["id"], "todo.trashed", {"deleted_at": by["now"]}) for row in tree]
        if todo["parent_id"] is not None:
            was_completed = todo["completed_at"] is not None
            changes += await self._change_parent(todo["parent_id"], -1, -int(was_completed))
        await self._repository.update(changes, **by)

    async def _change_parent(
        self, parent_id: UUID, added: int, added_completed: int
    ) -> Iterable[RowChange]:
        """Lock a parent; returns the changes that add to its subtask counts, and what follows."""
        parent = await self._repository.lock_parent(parent_id)
        if parent is None:
            # The project was deleted in the meantime, and the todo with it.
            raise NotFound
        return await self._above(parent, added, added_completed)

    async def _above(self, parent: Row, added: int, added_completed: int) -> Iterable[RowChange]:
        """The changes of a locked parent, and of those above it that are no longer completed."""
        ancestors = [parent]
        if reopens(parent, added, added_completed):
            ancestors += await self._repository.lock_above(parent["id"])
        return changes_above(ancestors, added, added_completed)
