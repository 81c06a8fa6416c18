"""The projects' rows: what to run, and what an empty answer or a violated constraint means."""

from typing import Any, NoReturn
from uuid import UUID

import asyncpg

from app.core.database import Connection
from app.core.errors import Forbidden, IdTaken, NotFound, VersionConflict
from app.core.pagination import Position
from app.core.preconditions import Versions
from app.core.repository import Repository
from app.core.schemas import Stored
from app.core.statement import Statement
from app.projects import leaving, statements
from app.projects.errors import (
    InboxProtected,
    ProjectArchived,
    ProjectNotFound,
    ProjectTooDeep,
)
from app.projects.schemas import ProjectCreate, ProjectQuery, ProjectUpdate


class ProjectRepository(Repository):
    """Projects, as far as `seen` (from `permissions.seen_by`) may see and change them."""

    conflicts = {
        "pk_projects": IdTaken,
        "ck_projects_depth": ProjectTooDeep,
        "ck_projects_inbox": InboxProtected,
    }

    def __init__(self, connection: Connection, seen: dict[str, UUID | None]) -> None:
        super().__init__(connection)
        self._seen = seen

    async def read(self, project_id: UUID) -> Stored:
        """One project. Raises `NotFound`."""
        stored = await self._stored(statements.READ, id=project_id)
        if stored is None:
            raise NotFound
        return stored

    async def page(self, query: ProjectQuery, after: Position | None) -> list[asyncpg.Record]:
        """Rows of `body`, `sort_key` and `id`; one more than asked for tells of a next page."""
        filters: dict[str, Any] = {}
        if query.parent_id == "none":
            filters["top_level"] = True
        elif query.parent_id is not None:
            filters["parent_id"] = query.parent_id
        statement = statements.page(
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

    async def add(self, data: ProjectCreate, *, is_inbox: bool = False, **values: Any) -> Stored:
        """A new project. Raises `IdTaken`, `ProjectTooDeep`, and what forbids its parent."""
        values |= {"name": data.name, "color": data.color, "is_inbox": is_inbox}
        if data.parent_id is None:
            stored = await self._stored(statements.CREATE, **values)
            assert stored is not None
            return stored
        await self._value(statements.LOCK_TREE, **self._seen, id=data.parent_id)
        stored = await self._stored(statements.CREATE_BELOW, parent_id=data.parent_id, **values)
        if stored is None:
            await self.explain_refusal(data.parent_id, "/parent_id")
        return stored

    async def patch(
        self, project_id: UUID, data: ProjectUpdate, versions: Versions, **values: Any
    ) -> Stored:
        """The project as it then is. Raises what `explain` tells, and `InboxProtected`."""
        given = data.given()
        stored = await self._stored(
            statements.patch(frozenset(given)),
            id=project_id,
            versions=versions,
            **given,
            **values,
        )
        if stored is None:
            await self._explain(project_id, versions)
        return stored

    async def remove(self, project_id: UUID, versions: Versions, **values: Any) -> None:
        """Delete it and all below it. Raises as `patch` does; only its owner may."""
        await self._value(statements.LOCK_TREE, **self._seen, id=project_id)
        gone = await self._value(
            statements.DELETE, **self._seen, id=project_id, versions=versions, **values
        )
        if gone is None:
            await self._explain(project_id, versions, owner_only=True)

    async def leave_all(self, **values: Any) -> None:
        """Take the principal out of all projects, and settle what becomes of its own."""
        left = await self._all(leaving.LEAVE, **self._seen)
        owned = [row["project_id"] for row in left if row["role"] == "owner"]
        await self._all(leaving.HAND_OVER, owned=owned)
        await self._all(leaving.SETTLE, owned=owned, **values)

    async def explain_refusal(self, project_id: UUID, pointer: str) -> NoReturn:
        """Why nothing can be put into a project that a body names at `pointer`."""
        row = await self._one(statements.DIAGNOSIS, **self._seen, id=project_id)
        if row is None:
            raise ProjectNotFound(pointer)
        raise ProjectArchived if row["archived"] else Forbidden

    async def _explain(
        self, project_id: UUID, versions: Versions, *, owner_only: bool = False
    ) -> NoReturn:
        """Why a write did nothing."""
        row = await self._one(statements.DIAGNOSIS, **self._seen, id=project_id)
        if row is None:
            raise NotFound
        if row["role"] == "viewer" or (owner_only and row["role"] != "owner"):
            raise Forbidden
        if versions is not None and row["version"] not in versions:
            raise VersionConflict(row["version"])
        raise ProjectArchived if row["archived"] else NotFound

    async def _stored(self, statement: Statement, **params: Any) -> Stored | None:
        row = await self._one(statement, **self._seen, **params)
        return None if row is None else Stored(row["id"], row["version"], row["body"])
