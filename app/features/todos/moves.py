"""The rules of a move: where a todo goes, and which rows that changes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from app.core.context import Expected
from app.core.errors import LocksContended, NotFound, QuotaExceeded
from app.core.positions import position_among
from app.core.schemas import JsonRow
from app.database.repository import Row, json_row
from app.database.row_changes import RowChange
from app.features.projects.errors import MovedIntoItself, PlaceContradicts, ProjectNotFound
from app.features.projects.permissions import require_editable
from app.features.todos.errors import ParentNotFound, SiblingNotFound, TooDeep
from app.features.todos.models import MAX_DEPTH
from app.features.todos.repository import TodoRepository
from app.features.todos.schemas import TodoMove
from app.features.todos.sql.moves import NEIGHBOURS
from app.features.todos.subtasks import changes_above

_MOVED = "todo.moved"


class Parentage(NamedTuple):
    """What todos are siblings by."""

    project_id: UUID
    parent_id: UUID | None


class TodoMover:
    """Moves todos; no project's owner gets more than `quota` by that, nor more labels than that."""

    def __init__(
        self,
        repository: TodoRepository,
        quota: int,
        quota_labels: int,
        by: Mapping[str, Any],
    ) -> None:
        self._repository = repository
        self._quota = quota
        self._quota_labels = quota_labels
        self._by = by

    async def move(self, todo_id: UUID, data: TodoMove, expected: Expected) -> JsonRow:
        """Move a todo and all below it.

        Raises `PlaceAmbiguous`, `NotFound`, `Forbidden`, `ProjectArchived`, `VersionConflict`,
        `SiblingNotFound`, `ParentNotFound`, `ProjectNotFound`, `PlaceContradicts`,
        `MovedIntoItself`, `TooDeep`, `QuotaExceeded`.
        """
        old, new, place = await self._look(todo_id, data, expected)
        pointer = "/parent_id" if data.sibling is None else f"/{data.side}"
        levels = levels_down(todo_id, place, pointer)
        stays = new == old and (place["is_there"] or data.sibling == todo_id)
        position, neighbours = ("", {}) if stays else position_at(place["below"], place["above"])
        labels = await self._hold_labels(new.project_id, place)
        chain = () if new == old else place["chain"]
        parents = {*chain} if new == old else {*chain, old.parent_id} - {None}
        rows = await self._repository.lock_moved(
            todo_id,
            new.project_id,
            others=[*parents, *neighbours],
            with_tree=levels != 0 or new.project_id != old.project_id,
        )
        locked = {row["id"]: row for row in rows}
        todo = locked.get(todo_id)
        if todo is None:
            raise NotFound
        require_editable(todo)
        if any(todo[f"target_{name}"] != place[name] for name in ("role", "archived")):
            # What was looked at with its project has changed since.
            raise LocksContended
        expected.check(todo["version"])
        if stays:
            return json_row(todo)
        values = {**new._asdict(), "depth": todo["depth"] + levels, "position": position}
        kept = {todo_id, *parents, *neighbours}
        changes = [RowChange(todo_id, _MOVED, values)]
        changes += [_below(row, old, new, levels) for row in rows if row["id"] not in kept]
        if labels is not None:
            changes = [relabelled(one, locked[one.id], labels) for one in changes]
        if new != old:
            parent = locked.get(old.parent_id)
            changes += changes_of_parents(todo, parent, [locked[each] for each in chain])
        changes += (_beside(locked[each], text) for each, text in neighbours.items())
        return await self._repository.move(merged(changes), **self._by)

    async def _look(
        self, todo_id: UUID, data: TodoMove, expected: Expected
    ) -> tuple[Parentage, Parentage, Row]:
        """Lock the projects; returns which siblings it has and gets, and what is known of these."""
        named = await self._repository.lock_projects(
            todo_id, data.sibling or data.parent_id, data.project_id
        )
        todo = next((row for row in named if row["id"] == todo_id), None)
        if todo is None:
            raise NotFound
        require_editable(todo)
        expected.check(todo["version"])
        old = Parentage(todo["project_id"], todo["parent_id"])
        new = parentage_at(data, old, named)
        place = await self._repository.look(
            data.side,
            **new._asdict(),
            id=todo_id,
            named=data.sibling,
            old_project_id=old.project_id,
            old_parent_id=old.parent_id,
            with_tree=new != old,
            quota=self._quota,
        )
        if not place["stands"]:
            # Somebody else moved what it names, before the locks were there.
            raise LocksContended
        return old, new, place

    async def _hold_labels(self, project_id: UUID, place: Row) -> dict[str, str] | None:
        """Hold the labels of the new owner that the todos are going to have: names by their keys.

        None if the owner stays. Raises `QuotaExceeded`.
        """
        if place["foreign_labels"] is None:
            return None
        names: dict[str, str] = dict(sorted(orjson.loads(place["foreign_labels"]).items()))
        if not names:
            return names
        held = await self._repository.hold_labels(
            names, quota=self._quota_labels, project_id=project_id, **self._by
        )
        if held is None:
            raise LocksContended
        return dict(zip(names, held, strict=True))


def parentage_at(data: TodoMove, old: Parentage, named: Sequence[Row]) -> Parentage:
    """Among which siblings a place is, by the todos that it names.

    Raises `SiblingNotFound`, `ParentNotFound`, `PlaceContradicts`.
    """
    sent = data.model_fields_set & {"project_id", "parent_id"}
    found = {row["id"]: row for row in named}
    if data.sibling is not None:
        if data.sibling not in found:
            raise SiblingNotFound(f"/{data.side}")
        sibling = found[data.sibling]
        place = Parentage(sibling["project_id"], sibling["parent_id"])
    elif data.parent_id is not None:
        if data.parent_id not in found:
            raise ParentNotFound
        place = Parentage(found[data.parent_id]["project_id"], data.parent_id)
    elif sent:
        place = Parentage(data.project_id if "project_id" in sent else old.project_id, None)
    else:
        place = old
    for name in sorted(sent):
        if getattr(data, name) != getattr(place, name):
            raise PlaceContradicts(f"/{name}")
    return place


def levels_down(todo_id: UUID, place: Row, pointer: str) -> int:
    """How many levels lower a todo gets, if it may go to this place.

    Raises `ProjectNotFound`, `Forbidden`, `ProjectArchived`, `MovedIntoItself`, `TooDeep`,
    `QuotaExceeded`.
    """
    if place["role"] is None:
        raise ProjectNotFound
    require_editable(place)
    if todo_id in place["chain"]:
        raise MovedIntoItself(pointer)
    levels: int = (place["parent_depth"] or 0) + 1 - place["depth"]
    if place["deepest"] + levels > MAX_DEPTH:
        raise TooDeep(pointer)
    if not place["has_room"]:
        raise QuotaExceeded("todos")
    return levels


def position_at(below: str, above: str) -> tuple[str, dict[UUID, str]]:
    """A position between siblings, each `[id, position]`, and new ones for some of them, if any."""
    low, high = (
        [(UUID(each), position) for each, position in orjson.loads(side)] for side in (below, above)
    )
    # There are no more where there are fewer than were asked for.
    all_below, all_above = len(low) < NEIGHBOURS, len(high) < NEIGHBOURS
    return position_among(low, high, all_below=all_below, all_above=all_above)


def changes_of_parents(todo: Row, parent: Row | None, chain: Sequence[Row]) -> Iterator[RowChange]:
    """The changes of the counts of a todo's old parent, and of those above its new place."""
    completed = int(todo["completed_at"] is not None)
    rows = {row["id"]: dict(row) for row in chain}
    if parent is not None:
        left = rows.setdefault(parent["id"], dict(parent))
        left["subtask_count"] -= 1
        left["completed_subtask_count"] -= completed
        counts = {name: left[name] for name in ("subtask_count", "completed_subtask_count")}
        yield RowChange(left["id"], "todo.updated", counts)
    above = sorted((rows[row["id"]] for row in chain), key=lambda row: -row["depth"])
    yield from changes_above(above, 1, completed)


def _below(row: Row, old: Parentage, new: Parentage, levels: int) -> RowChange:
    """The change of a subtask of what is moved; its level alone is nothing that clients see."""
    is_told = new.project_id != old.project_id and row["deleted_at"] is None
    values = {"project_id": new.project_id, "depth": row["depth"] + levels}
    return RowChange(row["id"], _MOVED if is_told else None, values)


def relabelled(change: RowChange, row: Row, labels: Mapping[str, str]) -> RowChange:
    """The change of a todo whose labels are another owner's by now."""
    if not labels.keys() >= set(row["label_keys"]):
        # It got one after these were held.
        raise LocksContended
    names = [labels[key] for key in row["label_keys"]]
    if names == row["labels"]:
        return change
    return RowChange(change.id, change.event, {**change.values, "labels": names})


def _beside(row: Row, position: str) -> RowChange:
    """The change of a sibling whose position is a new one: nobody moved it, and its place stays."""
    event = "todo.updated" if row["deleted_at"] is None else None
    return RowChange(row["id"], event, {"position": position}, incidental=True)


def merged(changes: Sequence[RowChange]) -> list[RowChange]:
    """One change a row: the last event, and all values; it is incidental if all of it is."""
    rows: dict[UUID, RowChange] = {}
    for one in changes:
        before = rows.get(one.id, RowChange(one.id, None, {}, incidental=True))
        values = {**before.values, **one.values}
        rows[one.id] = RowChange(one.id, one.event, values, before.incidental and one.incidental)
    return list(rows.values())
