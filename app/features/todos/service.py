"""The rules of todos."""

from collections.abc import Iterable, Sequence
from typing import Any
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
from app.features.due.days import midnight_after
from app.features.due.schemas import DueDate, DueDateTime
from app.features.labels.schemas import by_key
from app.features.projects.errors import ProjectNotFound
from app.features.projects.permissions import require_editable
from app.features.recurrence.completion_log import CompletionLog
from app.features.recurrence.errors import NotRepeating, OccurrenceNotCurrent
from app.features.recurrence.repetition import Repetition
from app.features.todos.columns import columns_of, words_of
from app.features.todos.errors import (
    ParentElsewhere,
    ParentNotFound,
    SortNeedsProject,
    SortNeedsSearch,
)
from app.features.todos.moves import TodoMover
from app.features.todos.repository import TodoRepository
from app.features.todos.schemas import (
    CountQuery,
    TodoCreate,
    TodoMove,
    TodoQuery,
    TodoUpdate,
    View,
)
from app.features.todos.subtasks import changes_above, completing, reopens
from app.security.principal import Principal

# Fields of a new todo that say where it goes, not what it contains.
_OF_PLACE = {"id", "project_id", "parent_id"}


class TodoService:
    """Reads and changes todos, for one principal in one request.

    A project takes no more todos once its owner has `quota` of them, and no new labels once its
    owner has `quota_labels`.
    """

    def __init__(
        self,
        repository: TodoRepository,
        completions: CompletionLog,
        principal: Principal,
        context: Context,
        signer: Signer,
        quota: int,
        quota_labels: int,
    ) -> None:
        self._repository = repository
        self._completions = completions
        self._principal = principal
        self._context = context
        self._signer = signer
        self._quota = quota
        self._quota_labels = quota_labels

    async def read(self, todo_id: UUID) -> JsonRow:
        """Read a todo. Raises `NotFound`."""
        return await self._repository.read(todo_id)

    async def list(self, query: TodoQuery, view: View | None = None) -> JsonPage:
        """Read a page, of a view if there is one.

        Raises `CursorInvalid`, `SortNeedsProject`, `SortNeedsSearch`.
        """
        if query.sort == "relevance" and query.q is None:
            raise SortNeedsSearch
        if query.sort in ("position", "-position") and len(set(query.project_id)) != 1:
            raise SortNeedsProject
        binding = query.binding("todos" if view is None else repr(view))
        cursors = Cursors(self._signer, self._principal.user_id, binding)
        now = self._context.now()
        rows = await self._repository.page(query, cursors.decode(query.cursor), now, view)
        valid_until = None
        if query.overdue is not None:
            valid_until = now
        elif view is not None:
            valid_until = midnight_after(now, rows[0]["timezone"]).instant
        return cursors.page(rows, query, valid_until=valid_until)

    async def counts(self, query: CountQuery) -> JsonPage:
        """Read a page of the counts of projects or labels. Raises `CursorInvalid`."""
        cursors = Cursors(self._signer, self._principal.user_id, query.binding("counts"))
        now = self._context.now()
        rows = await self._repository.counts(query, cursors.decode(query.cursor), now)
        return cursors.page(rows, query, valid_until=now)

    async def create(self, data: TodoCreate) -> JsonRow:
        """Create a todo.

        Raises `LabelRepeated`, `ParentNotFound`, `ParentElsewhere`, and what the repository's
        `insert` and `Repetition.with_fields` raise.
        """
        names = by_key(data.labels)
        fields = data.model_dump(exclude=_OF_PLACE)
        fields |= {"due": data.due, "recurrence": data.recurrence}
        repetition = Repetition().with_fields(fields)
        words = await words_of(fields)
        by = self._context.by(self._principal.user_id)
        found = data.parent_id and await self._repository.lock_project_of(data.parent_id)
        if names:
            held = await self._repository.hold_labels(
                names,
                quota=self._quota_labels,
                todo_id=data.parent_id,
                project_id=data.project_id,
                **by,
            )
            if held is None:
                raise ProjectNotFound if data.parent_id is None else ParentNotFound
            fields["labels"] = held
        values = {
            **columns_of(fields, words, by["now"]),
            **repetition.columns(),
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
        parent = await self._repository.lock_new_parent(data.parent_id, found)
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

        Raises `NotFound`, `Forbidden`, `ProjectArchived`, `VersionConflict`, `LabelRepeated`,
        `QuotaExceeded`, and what `Repetition.with_fields` raises.
        """
        given = data.given()
        names = by_key(given.get("labels", ()))
        words = await words_of(given)
        by = self._context.by(self._principal.user_id)
        if names:
            # Labels are locked before todos.
            held = await self._repository.hold_labels(
                names, quota=self._quota_labels, todo_id=todo_id, **by
            )
            if held is None:
                raise NotFound
            data = data.model_copy(update={"labels": held})
        below: list[Row] = []
        if given.get("completed"):
            todo, below = await self._repository.lock_open_tree(
                todo_id, whole=given.get("recurrence") is not None
            )
        else:
            todo = await self._lock(todo_id)
        expected.check(todo["version"])
        fields = differences(todo, data)
        if not fields:
            return json_row(todo)
        repetition = Repetition.of(todo).with_fields(fields)
        values = columns_of(fields, words, by["now"])
        if not fields.keys().isdisjoint(("due", "recurrence")):
            values |= repetition.columns()
        if fields.get("completed"):
            return (await self._complete(todo, below, repetition, values, by))[0]
        if "completed" in fields:
            return await self._reopen(todo, values, by)
        return await self._repository.update([RowChange(todo_id, "todo.updated", values)], **by)

    async def complete(
        self, todo_id: UUID, occurrence: DueDate | DueDateTime, expected: Expected
    ) -> tuple[JsonRow, Row]:
        """Complete the occurrence that is due then; returns the todo, and its completion's JSON.

        Raises `NotFound`, `Forbidden`, `ProjectArchived`, `VersionConflict`, `NotRepeating`,
        `OccurrenceNotCurrent`.
        """
        todo, below = await self._repository.lock_open_tree(todo_id)
        expected.check(todo["version"])
        repetition = Repetition.of(todo)
        if repetition.recurrence is None or todo["completed_at"] is not None:
            raise NotRepeating
        if repetition.due != occurrence:
            raise OccurrenceNotCurrent
        by = self._context.by(self._principal.user_id)
        completed, completion = await self._complete(todo, below, repetition, {}, by)
        assert completion is not None
        return completed, completion

    async def take_back(self, todo_id: UUID, completion_id: UUID, expected: Expected) -> None:
        """Take the latest completion of a todo back: it is open again, and due as before.

        Raises `NotFound`, `Forbidden`, `ProjectArchived`, `VersionConflict`, `CompletionNotLatest`.
        """
        todo = await self._lock(todo_id)
        expected.check(todo["version"])
        completion = await self._completions.take_back(todo_id, completion_id)
        repetition = Repetition.of(todo).restored(completion)
        values = {**repetition.columns(), "completed_at": None}
        await self._reopen(todo, values, self._context.by(self._principal.user_id))

    async def move(self, todo_id: UUID, data: TodoMove, expected: Expected) -> JsonRow:
        """Move a todo and all below it. Raises what `TodoMover.move` does."""
        by = self._context.by(self._principal.user_id)
        mover = TodoMover(self._repository, self._quota, self._quota_labels, by)
        return await mover.move(todo_id, data, expected)

    async def delete(self, todo_id: UUID, expected: Expected) -> None:
        """Delete a todo and its subtasks. Raises as `update` does."""
        tree = await self._repository.lock_tree(todo_id)
        if not tree:
            raise NotFound
        todo = tree[-1]
        require_editable(todo)
        expected.check(todo["version"])
        by = self._context.by(self._principal.user_id)
        deleted = {"deleted_at": by["now"], "deletion_id": todo_id}
        changes = [RowChange(row["id"], "todo.trashed", deleted) for row in tree]
        if todo["parent_id"] is not None:
            was_completed = todo["completed_at"] is not None
            changes += await self._change_parent(todo["parent_id"], -1, -int(was_completed))
        await self._repository.update(changes, **by)

    async def _lock(self, todo_id: UUID) -> Row:
        """Lock a todo that may be changed. Raises `NotFound`, `Forbidden`, `ProjectArchived`."""
        todo = await self._repository.lock(todo_id)
        if todo is None:
            raise NotFound
        require_editable(todo)
        return todo

    async def _complete(
        self,
        todo: Row,
        below: Sequence[Row],
        repetition: Repetition,
        values: dict[str, Any],
        by: dict[str, Any],
    ) -> tuple[JsonRow, Row | None]:
        """Complete a locked todo; returns it, and its completion's JSON if it repeats."""
        done = completing(todo, below, repetition, values, by["now"])
        changes = done.changes
        if done.is_done and todo["parent_id"] is not None:
            changes += await self._change_parent(todo["parent_id"], 0, 1)
        made = await self._completions.add(done.completions, **by)
        return await self._repository.update(changes, **by), made.get(todo["id"])

    async def _reopen(self, todo: Row, values: dict[str, Any], by: dict[str, Any]) -> JsonRow:
        """Leave a locked todo open, with these values."""
        changes = [RowChange(todo["id"], "todo.reopened", values)]
        if todo["completed_at"] is not None and todo["parent_id"] is not None:
            changes += await self._change_parent(todo["parent_id"], 0, -1)
        return await self._repository.update(changes, **by)

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
