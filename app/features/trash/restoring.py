"""The rules of a restore: what comes back, where it goes, and which rows that changes."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.core.context import Expected
from app.core.errors import LocksContended, NotFound, QuotaExceeded
from app.core.positions import last_position
from app.core.schemas import JsonRow
from app.database.repository import Row
from app.database.row_changes import RowChange
from app.features.projects.errors import ProjectArchived
from app.features.projects.permissions import require_editor, require_owner
from app.features.todos.moves import relabelled
from app.features.todos.subtasks import changes_above
from app.features.trash.repository import TrashRepository

_BACK = {"deleted_at": None, "deletion_id": None}


class Restorer:
    """Takes todos and projects out of the trash.

    No todo goes to an owner who has `quota` of them, or would get more labels than `quota_labels`.
    """

    def __init__(
        self,
        repository: TrashRepository,
        quota: int,
        quota_labels: int,
        by: Mapping[str, Any],
    ) -> None:
        self._repository = repository
        self._quota = quota
        self._quota_labels = quota_labels
        self._by = by

    async def todo(self, todo_id: UUID, expected: Expected) -> JsonRow:
        """Restore a todo, and all that went with it.

        Raises `NotFound`, `Forbidden`, `ProjectArchived`, `VersionConflict`, `QuotaExceeded`.
        """
        place = await self._repository.lock_projects(todo_id)
        labels = place.pop("foreign_labels")
        if labels is not None:
            labels = await self._repository.hold_labels(
                labels, place["target_id"], quota=self._quota_labels, **self._by
            )
        rows = await self._repository.lock_todo(todo_id, quota=self._quota, **place)
        todo = next(row for row in rows if row["id"] == todo_id)
        require_editor(todo)
        if todo["archived"] and not todo["is_left"]:
            raise ProjectArchived
        expected.check(todo["version"])
        if not todo["has_room"]:
            raise QuotaExceeded("todos")
        # What an older version deleted below it has no `deletion_id` either.
        above = [row for row in rows if row["deleted_at"] is None]
        changes = [
            RowChange(todo_id, "todo.restored", {**_BACK, **_place(todo, place, above)}),
            *_below(todo, place, above, rows),
        ]
        if labels is not None:
            locked = {row["id"]: row for row in rows}
            changes = [relabelled(one, locked[one.id], labels) for one in changes]
        is_moved = "parent_id" in changes[0].values
        if above:
            changes += changes_above(above, 1, int(todo["completed_at"] is not None))
        return await self._repository.restore_todos(changes, is_moved=is_moved, **self._by)

    async def project(self, project_id: UUID, expected: Expected) -> JsonRow:
        """Restore a project, and all that went with it.

        Raises `NotFound`, `Forbidden`, `VersionConflict`.
        """
        root_id = await self._repository.lock_root(project_id)
        rows = await self._repository.lock_tree(project_id)
        project = next((row for row in rows if row["id"] == project_id), None)
        if project is None or project["role"] is None:
            raise NotFound
        if project["root_id"] != root_id:
            # Somebody moved what it is below, before the lock was there.
            raise LocksContended
        require_owner(project)
        expected.check(project["version"])
        levels = 0
        values: dict[str, Any] = dict(_BACK)
        if project["parent_id"] is not None and not project["has_parent"]:
            levels = 1 - project["depth"]
            values |= {"parent_id": None, "depth": 1, "position": last_position()}
        changes = [RowChange(project_id, "project.restored", values)]
        for row in rows:
            depth = {"depth": row["depth"] + levels} if levels else {}
            if row["id"] == project_id:
                continue
            if row["deletion_id"] == project_id:
                changes.append(RowChange(row["id"], "project.restored", {**_BACK, **depth}))
            elif levels:
                changes.append(RowChange(row["id"], None, depth))
        return await self._repository.restore_projects(
            changes, is_moved=levels != 0, role=project["role"], **self._by
        )


def _place(todo: Row, place: Mapping[str, Any], above: Sequence[Row]) -> dict[str, Any]:
    """The columns of another place than its own, where that is gone."""
    if not todo["is_left"] and (above or todo["parent_id"] is None):
        return {}
    return {
        "project_id": place["target_id"] or place["project_id"],
        "parent_id": None,
        "depth": 1,
        "position": last_position(todo["last"] or ""),
    }


def _below(
    todo: Row, place: Mapping[str, Any], above: Sequence[Row], rows: Sequence[Row]
) -> list[RowChange]:
    """The changes of what is below a restored todo; what went with another deletion stays there."""
    values: dict[str, Any] = _place(todo, place, above)
    levels = values["depth"] - todo["depth"] if values else 0
    changes = []
    for row in rows:
        if row["id"] == todo["id"] or row["deleted_at"] is None:
            continue
        moved = {}
        if values:
            moved = {"project_id": values["project_id"], "depth": row["depth"] + levels}
        if row["deletion_id"] == todo["id"]:
            changes.append(RowChange(row["id"], "todo.restored", {**_BACK, **moved}))
        elif moved:
            changes.append(RowChange(row["id"], None, moved))
    return changes
