"""The projects' rows: what to run, and what an empty answer or a violated constraint means."""

from typing import Any, NoReturn
from uuid import UUID

import asyncpg

from app.core.errors import Forbidden, IdTaken, NotFound, QuotaExceeded, VersionConflict
from app.core.pagination import Position
from app.core.schemas import JsonRow
from app.database.repository import Repository
from app.database.shapes import SHAPES
from app.database.statement import Statement
from app.database.unit_of_work import Connection
from app.database.versions import Expected
from app.features.projects import account_removal, statements
from app.features.projects.errors import (
    InboxProtected,
    ProjectArchived,
    ProjectNotFound,
    ProjectTooDeep,
)
from app.features.projects.schemas import ProjectCreate, ProjectQuery, ProjectUpdate


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

    async def read(self, project_id: UUID) -> JsonRow:
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

    async def add(
        self,
        data: ProjectCreate,
        *,
        is_inbox: bool = False,
        quota: int | None = None,
        **values: Any,
    ) -> JsonRow:
        """A new project, if less than so many are owned.

        Raises `IdTaken`, `ProjectTooDeep`, `QuotaExceeded`, and what forbids its parent.
        """
        values["quota"] = quota
        values |= {"name": data.name, "color": data.color, "is_inbox": is_inbox}
        if data.parent_id is None:
            stored = await self._stored(statements.CREATE, **values)
            if stored is None:
                raise QuotaExceeded("projects")
            return stored
        await self._value(statements.LOCK_TREE, **self._seen, id=data.parent_id)
        stored = await self._stored(statements.CREATE_BELOW, parent_id=data.parent_id, **values)
        if stored is None:
            await self.explain_refusal(data.parent_id, "/parent_id", "projects")
        return stored

    async def patch(
        self, project_id: UUID, data: ProjectUpdate, expected: Expected, **values: Any
    ) -> JsonRow:
        """The project as it then is. Raises what `explain` tells, and `InboxProtected`."""
        given = data.given()
        statement = await SHAPES.statement(
            self._seen["principal_id"], statements.patch, frozenset(given)
        )
        stored = await self._stored(
            statement,
            id=project_id,
            **expected.params(),
            **given,
            **values,
        )
        if stored is None:
            await self._explain(project_id, expected)
        return stored

    async def remove(self, project_id: UUID, expected: Expected, **values: Any) -> None:
        """Delete it and all below it. Raises as `patch` does; only its owner may."""
        await self._value(statements.LOCK_TREE, **self._seen, id=project_id)
        gone = await self._value(
            statements.DELETE, **self._seen, id=project_id, **expected.params(), **values
        )
        if gone is None:
            await self._explain(project_id, expected, owner_only=True)

    async def leave_all(self, **values: Any) -> None:
        """Take the principal out of all projects, and settle what becomes of its own."""
        locked = [row["id"] for row in await self._all(account_removal.LOCK, **self._seen)]
        await self._all(account_removal.LEAVE, **self._seen)
        owned = [row["id"] for row in await self._all(account_removal.OWNERLESS, locked=locked)]
        await self._all(account_removal.HAND_OVER, owned=owned)
        await self._all(account_removal.SETTLE, owned=owned, **values)

    async def explain_refusal(self, project_id: UUID, pointer: str, quota: str) -> NoReturn:
        """Why nothing can be put into a project that a body names at `pointer`.

        Where everything else permits it, the quota does not.
        """
        row = await self._one(statements.DIAGNOSIS, **self._seen, id=project_id)
        if row is None:
            raise ProjectNotFound(pointer)
        if row["role"] == "viewer":
            raise Forbidden
        raise ProjectArchived if row["archived"] else QuotaExceeded(quota)

    async def explain_refusal_of_inbox(self, quota: str) -> NoReturn:
        """Why nothing can be put there: the token may not see it, or the quota is reached."""
        limit = self._seen["principal_project_id"]
        row = (
            None if limit is None else await self._one(statements.DIAGNOSIS, **self._seen, id=limit)
        )
        if limit is not None and (row is None or not row["is_inbox"]):
            raise ProjectNotFound
        raise QuotaExceeded(quota)

    async def _explain(
        self, project_id: UUID, expected: Expected, *, owner_only: bool = False
    ) -> NoReturn:
        """Why a write did nothing."""
        row = await self._one(statements.DIAGNOSIS, **self._seen, id=project_id)
        if row is None:
            raise NotFound
        if row["role"] == "viewer" or (owner_only and row["role"] != "owner"):
            raise Forbidden
        if not expected.allows(row["version"]):
            raise VersionConflict(row["version"])
        raise ProjectArchived if row["archived"] else NotFound

    async def _stored(self, statement: Statement, **params: Any) -> JsonRow | None:
        row = await self._one(statement, **self._seen, **params)
        return None if row is None else JsonRow(row["id"], row["version"], row["body"])
