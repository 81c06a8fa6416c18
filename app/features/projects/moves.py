"""The rules of a project's move: where it goes, who may move it there, and what that changes."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from app.core.context import Expected
from app.core.errors import LocksContended, NotFound
from app.core.positions import Siblings, last_position, position_among
from app.core.schemas import JsonRow
from app.database.repository import Row, json_row
from app.database.row_changes import RowChange
from app.features.projects.errors import (
    InboxProtected,
    MovedIntoItself,
    PlaceContradicts,
    ProjectNotFound,
    ProjectTooDeep,
)
from app.features.projects.models import MAX_DEPTH
from app.features.projects.permissions import require_editable, require_owner
from app.features.projects.repository import ProjectRepository
from app.features.projects.schemas import ProjectMove

_MOVED = "project.moved"


class ProjectMover:
    """Moves projects."""

    def __init__(self, repository: ProjectRepository, by: Mapping[str, Any]) -> None:
        self._repository = repository
        self._by = by

    async def move(self, project_id: UUID, data: ProjectMove, expected: Expected) -> JsonRow:
        """Move a project and all below it; at the top level, in the principal's own order.

        Raises `PlaceAmbiguous`, `NotFound`, `ProjectNotFound`, `Forbidden`, `ProjectArchived`,
        `VersionConflict`, `PlaceContradicts`, `MovedIntoItself`, `ProjectTooDeep`,
        `InboxProtected`.
        """
        pointer = "/parent_id" if data.sibling is None else f"/{data.side}"
        named = await self._repository.lock_roots(project_id, data.sibling or data.parent_id)
        if project_id not in named:
            raise NotFound
        project = named[project_id]
        expected.check(project["version"])
        parent = parent_at(project, data, named, pointer)
        place = await self._repository.look(project_id, None if parent is None else parent["id"])
        if not (_stands(project, place["old_chain"]) and _stands(parent, place["new_chain"])):
            # Somebody else moved it, or what it is to be below, before the locks were there.
            raise LocksContended
        levels = levels_down(project, parent, place, pointer)
        order = [(UUID(each), position) for each, position in orjson.loads(place["siblings"])]
        siblings = [each for each in order if each[0] != project_id]
        index = _index(project_id, data, order)
        stays = [each for each, _ in order] == [
            each for each, _ in (*siblings[:index], (project_id, ""), *siblings[index:])
        ]
        position, neighbours = position_among(
            siblings[:index], siblings[index:], all_below=True, all_above=True
        )
        new_root = None if parent is None else parent["root_id"]
        is_out = parent is None and project["parent_id"] is not None
        joins = None if new_root == project["root_id"] else new_root
        above = [] if parent is None else [parent["id"]]
        # What changes is the principal's own, whatever its role is.
        is_own_order = parent is None and project["parent_id"] is None
        rows = await self._repository.lock_moved(
            project_id,
            [project_id] if stays else [*place["tree"], *neighbours, *above],
            # Where it comes to the top level, it is the last one for all others.
            others=last_position() if is_out else None,
            own={} if stays or parent is not None else {**neighbours, project_id: position},
            tree=place["tree"],
            root_id=joins,
            is_own_order=is_own_order,
            **self._by,
        )
        if not all(_is_as_seen(row, named[each]) for each, row in rows.items() if each in named):
            raise LocksContended
        expected.check(rows[project_id]["version"])
        if stays:
            return json_row(rows[project_id])
        new_parent = None if parent is None else parent["id"]
        values = {"parent_id": new_parent, "position": position}
        changes = [
            # Below another root they have other members; their level is nothing that clients see.
            RowChange(
                each,
                None if joins is None or rows[each]["deleted_at"] else _MOVED,
                {"depth": rows[each]["depth"] + levels},
            )
            for each in place["tree"]
            if (levels or joins) and each != project_id
        ]
        # At the top level, a position that somebody has is always told as a move.
        beside = _MOVED if parent is None else "project.updated"
        changes += (
            RowChange(each, beside, {"position": text}, incidental=True)
            for each, text in neighbours.items()
        )
        values["depth"] = rows[project_id]["depth"] + levels
        changes.append(RowChange(project_id, _MOVED, values))
        moved = await self._repository.move(
            changes, role=project["role"], is_own_order=is_own_order, **self._by
        )
        return moved[project_id]


def parent_at(
    project: Row, data: ProjectMove, named: Mapping[UUID, Row], pointer: str
) -> Row | None:
    """What a place is below; None: at the top level.

    Raises `ProjectNotFound`, `PlaceContradicts`.
    """
    is_sent = "parent_id" in data.model_fields_set
    parent_id = data.parent_id if is_sent else project["parent_id"]
    if data.sibling is not None:
        if data.sibling not in named:
            raise ProjectNotFound(pointer)
        parent_id = named[data.sibling]["parent_id"]
        if is_sent and data.parent_id != parent_id:
            raise PlaceContradicts("/parent_id")
    if parent_id is not None and parent_id not in named:
        raise ProjectNotFound(pointer)
    return None if parent_id is None else named[parent_id]


def levels_down(project: Row, parent: Row | None, place: Row, pointer: str) -> int:
    """How many levels lower a project gets, if the principal may move it there.

    Raises `Forbidden`, `ProjectArchived`, `InboxProtected`, `MovedIntoItself`, `ProjectTooDeep`.
    """
    if parent is None and project["parent_id"] is None:
        return 0
    require_editable(project)
    if parent is not None:
        require_editable(parent)
        if project["id"] in place["new_chain"]:
            raise MovedIntoItself(pointer)
    if parent is None or parent["root_id"] != project["root_id"]:
        require_owner(project)
        if parent is not None:
            require_owner(parent)
        if project["is_inbox"]:
            raise InboxProtected("The Inbox stays at the top level.")
    # What was read with the locks may be older than they are: a move changes depths.
    levels = len(place["new_chain"]) + 1 - len(place["old_chain"])
    if place["deepest"] + levels > MAX_DEPTH:
        raise ProjectTooDeep(pointer)
    return levels


def _stands(project: Row | None, chain: Sequence[UUID]) -> bool:
    """Whether a project is still where it was: directly below the same one, and in that tree."""
    if project is None:
        return not chain
    parent = [] if project["parent_id"] is None else [project["parent_id"]]
    return list(chain[1:2]) == parent and list(chain[-1:]) == [project["root_id"]]


def _is_as_seen(locked: Row, seen: Row) -> bool:
    """Whether a locked project permits what it did when it was read."""
    permits = ("role", "archived")
    return locked["deleted_at"] is None and all(locked[name] == seen[name] for name in permits)


def _index(project_id: UUID, data: ProjectMove, order: Siblings) -> int:
    """The place's index among the siblings, as they are without the moved one."""
    ids = [each for each, _ in order]
    if data.sibling == project_id:
        return ids.index(project_id)
    if project_id in ids:
        ids.remove(project_id)
    if data.sibling is None:
        return 0 if data.side == "first" else len(ids)
    if data.sibling not in ids:
        raise LocksContended
    return ids.index(data.sibling) + (data.side == "after")
