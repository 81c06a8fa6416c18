"""Runs the statements of projects, and turns no row and violated constraints into errors."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from app.core.errors import IdTaken, LocksContended, NotFound, QuotaExceeded
from app.core.pagination import Position
from app.core.schemas import JsonRow
from app.database.repository import Repository, Row, json_row
from app.database.row_changes import RowChange
from app.database.shapes import SHAPES
from app.database.unit_of_work import Connection
from app.features.projects import account_removal, move_statements, statements
from app.features.projects.errors import InboxProtected, ProjectNotFound, ProjectTooDeep
from app.features.projects.models import OWNER
from app.features.projects.permissions import require_editable
from app.features.projects.schemas import ProjectQuery
from app.features.projects.statements import PROJECTS


class ProjectRepository(Repository):
    """Reads and writes the projects of one principal (`seen`, from `permissions.seen_by`)."""

    conflicts = {
        "pk_projects": IdTaken,
        "ck_projects_depth": ProjectTooDeep,
        "ck_projects_inbox": InboxProtected,
    }

    def __init__(self, connection: Connection, seen: dict[str, UUID | None]) -> None:
        super().__init__(connection)
        self._seen = seen

    async def read(self, project_id: UUID) -> JsonRow:
        """One project. Raises `NotFound`."""
        row = await self._one(statements.READ, **self._seen, id=project_id)
        if row is None:
            raise NotFound
        return json_row(row)

    async def page(self, query: ProjectQuery, after: Position | None) -> list[Row]:
        """Rows of `body`, `sort_key` and `id`, one more than asked for if there is a next page."""
        filters: dict[str, Any] = {}
        if query.parent_id == "none":
            filters["top_level"] = True
        elif query.parent_id is not None:
            filters["parent_id"] = query.parent_id
        statement = await SHAPES.statement(
            self._seen["principal_id"],
            statements.page,
            query.sort,
            frozenset(filters),
            is_first=after is None,
            with_total=query.include_total,
        )
        place = {} if after is None else {"last_key": after.key, "last_id": after.id}
        return await self._all(
            statement,
            **self._seen,
            **filters,
            **place,
            archived=query.archived,
            limit=query.limit + 1,
        )

    async def insert(self, values: dict[str, Any], *, quota: int | None, **by: Any) -> JsonRow:
        """Insert a project, unless its owner has `quota` of them already.

        That is the principal, or who owns the one that it stands below.

        Raises `ProjectNotFound`, `Forbidden`, `ProjectArchived`, `QuotaExceeded`, `IdTaken`,
        `ProjectTooDeep`.
        """
        parent_id = values["parent_id"]
        root = None if parent_id is None else await self._lock_root(parent_id)
        row = await self._one(
            statements.CREATE if parent_id is None else statements.CREATE_BELOW,
            **self._seen,
            given=PROJECTS.inserted(values, by["now"]),
            parent_id=parent_id,
            quota=quota,
            role=OWNER,
            **by,
        )
        if row is None:
            raise ProjectNotFound("/parent_id")
        if parent_id is not None and row["root_id"] != root:
            raise LocksContended
        if row["id"] is None:
            if parent_id is not None:
                require_editable(row)
            raise QuotaExceeded("projects")
        return json_row(row)

    async def lock(self, project_id: UUID) -> Row | None:
        """Read a project and lock it until the transaction ends; None if it is not visible."""
        return await self._one(statements.LOCK, **self._seen, id=project_id)

    async def lock_tree(self, project_id: UUID) -> list[Row]:
        """Lock a project and, for its owner, all below it; the project is the last row."""
        root = await self._lock_root(project_id)
        rows = await self._all(statements.LOCK_TREE, **self._seen, id=project_id)
        if rows and rows[-1]["root_id"] != root:
            raise LocksContended
        return rows

    async def _lock_root(self, project_id: UUID) -> UUID | None:
        """Take the lock of the project's tree, which all take that add to it or delete from it.

        Returns the root: if the project is moved while this waits, it is not in that tree then.
        """
        row = await self._one(statements.LOCK_ROOT, **self._seen, id=project_id)
        return None if row is None else row["id"]

    async def update(
        self, changes: Sequence[RowChange], *, role: str, **by: Any
    ) -> dict[UUID, JsonRow]:
        """Change locked projects; returns them as somebody with this role sees them then."""
        given = PROJECTS.changed(changes)
        rows = await self._all(statements.UPDATE, **self._seen, given=given, role=role, **by)
        assert len(rows) == len(changes)
        return {row["id"]: json_row(row) for row in rows}

    async def lock_all(self) -> list[UUID]:
        """Lock the projects that the principal is a member of, or made and nobody owns."""
        return [row["id"] for row in await self._all(account_removal.LOCK, **self._seen)]

    async def leave_all(self, **by: Any) -> list[UUID]:
        """Delete all memberships of the principal; returns of which projects."""
        rows = await self._all(account_removal.LEAVE, **self._seen, **by)
        return [row["project_id"] for row in rows]

    async def ownerless(self, locked: Sequence[UUID]) -> list[Row]:
        """Those of these projects that have no owner, as `id`, `deleted_at`, `is_inbox`."""
        return await self._all(account_removal.OWNERLESS, locked=locked)

    async def hand_over(self, owned: Sequence[UUID], **by: Any) -> dict[UUID, UUID]:
        """Make a member the owner of each of these projects; returns them with who that is."""
        rows = await self._all(account_removal.HAND_OVER, owned=owned, **by)
        return {row["project_id"]: row["user_id"] for row in rows}

    async def lock_roots(self, project_id: UUID, named: UUID | None) -> dict[UUID, Row]:
        """Lock the trees of two projects; read them, and what they are below, if visible."""
        rows = await self._all(move_statements.LOCK_ROOTS, **self._seen, id=project_id, named=named)
        return {row["id"]: row for row in rows}

    async def look(self, project_id: UUID, parent_id: UUID | None) -> Row:
        """What there is to know of a place in a locked tree: see `move_statements`."""
        place = {"id": project_id, "parent_id": parent_id}
        row = await self._one(move_statements.LOOK, **self._seen, **place)
        assert row is not None
        return row

    async def lock_moved(
        self, project_id: UUID, ids: Sequence[UUID], own: dict[UUID, str], **members_and_by: Any
    ) -> dict[UUID, Row]:
        """Lock projects, and write what their members have of them: see `move_statements`."""
        placed = [{"id": str(each), "position": position} for each, position in own.items()]
        params = {"id": project_id, "ids": ids, "own": orjson.dumps(placed).decode()}
        rows = await self._all(move_statements.LOCK, **self._seen, **params, **members_and_by)
        return {row["id"]: row for row in rows}

    async def move(
        self, changes: Sequence[RowChange], *, role: str, **own_and_by: Any
    ) -> dict[UUID, JsonRow]:
        """Move locked projects; returns them as the principal sees them then."""
        given = PROJECTS.changed(changes, moves=True)
        rows = await self._all(
            move_statements.MOVE, **self._seen, given=given, role=role, **own_and_by
        )
        return {row["id"]: json_row(row) for row in rows}
