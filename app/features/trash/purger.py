"""Purges what is in the trash, for good: what is asked for, and what is there too long."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.core.clock import Now
from app.core.errors import DatabaseUnavailable
from app.core.positions import last_position
from app.core.settings import Settings
from app.database.repository import Repository, Row
from app.database.unit_of_work import Database
from app.features.comments.purge import PURGE_OF_TODOS
from app.features.trash.sql import detached, found, purged

# Few enough for the statement timeout, however many changes each of them has.
_BATCH = 1_000
# As many are locked in a statement.
_LOCKED = 10_000
# Before all deletions.
_EVER = datetime(1, 1, 2, tzinfo=UTC)
# What nobody asked for.
_BY_NOBODY: dict[str, Any] = {"actor_id": None, "request_id": None}


class Purger(Repository):
    """Purges what `find` found and locked, in one transaction."""

    async def purge(
        self,
        items: Sequence[Row],
        *,
        before: datetime | None = None,
        batch: int = _BATCH,
        **by: Any,
    ) -> int:
        """Purge these items with all that went with them; returns how many items that were.

        What was restored meanwhile stays, and so does what was deleted after `before`. What is in
        them or below them in the trash on its own account stays there.
        """
        ids = {
            kind: [item["id"] for item in items if item["type"] == kind]
            for kind in ("todo", "project")
        }
        projects: list[Row] = []
        if ids["project"]:
            projects = await self._all(found.HOLD_PROJECTS, ids=ids["project"], before=before)
        places = [row["id"] for row in projects]
        rows = await self._all(found.LIST_TODOS, ids=ids["todo"], project_ids=places)
        # All of them before the first is written, as whoever renames a label does.
        for start in range(0, len(rows), _LOCKED):
            some = [row["id"] for row in rows[start : start + _LOCKED]]
            await self._all(found.HOLD_TODOS, ids=some)
        # One that was moved before the locks were there is in a project whose lock this has not.
        home = {item["id"]: item["project_id"] for item in items if item["type"] == "todo"}
        went = {
            row["id"]
            for row in rows
            if row["id"] == row["deletion_id"]
            and row["project_id"] == home.get(row["id"])
            and (before is None or row["deleted_at"] < before)
        }
        if went:
            doomed = [row for row in rows if row["deletion_id"] in went]
            await self._all(detached.DETACH_TODOS, ids=[*went], position=last_position())
            await self._purge_todos(doomed, batch, by)
        if places:
            whole = [*{row["deletion_id"] for row in projects}]
            await self._all(detached.RELOCATE, ids=places, position=last_position())
            await self._all(detached.DETACH_PROJECTS, ids=whole, position=last_position())
            gone = {*places}
            doomed = [
                row for row in rows if row["project_id"] in gone and row["deletion_id"] is None
            ]
            await self._purge_todos(doomed, batch, by)
            for place in places:
                await self._unsay(place, batch)
            await self._all(purged.PURGE_PROJECTS, ids=places, **by)
        return len(went) + len({row["deletion_id"] for row in projects})

    async def _purge_todos(self, rows: Sequence[Row], batch: int, by: dict[str, Any]) -> None:
        """Purge locked todos, leaves first, and the comments on them before."""
        for start in range(0, len(rows), batch):
            ids = [row["id"] for row in rows[start : start + batch]]
            while await self._all(PURGE_OF_TODOS, ids=ids, batch=batch):
                pass
            await self._all(purged.PURGE_TODOS, ids=ids, **by)

    async def _unsay(self, project_id: UUID, batch: int) -> None:
        """Take away what is still said in a project, of what is elsewhere by now for one."""
        last: int | None = 0
        while last is not None:
            given = {"project_id": project_id, "last": last, "batch": batch}
            last = await self._value(purged.UNSAY_PROJECT, **given)


async def purge_expired(database: Database, settings: Settings, now: Now) -> int:
    """Purge what is in the trash too long, in batches; returns how many items that were.

    Can be stopped and repeated. What fails is left for the next run; its error is raised after the
    rest is done. `DatabaseUnavailable` is raised at once.
    """
    count = 0
    failures: list[Exception] = []
    before = now() - timedelta(days=settings.trash_days)
    for statement in found.EXPIRED:
        place: dict[str, Any] = {"at": _EVER, "last": UUID(int=0)}
        while rows := await database.primary.fetch_all(statement, before=before, **place):
            place = {"at": rows[-1]["deleted_at"], "last": rows[-1]["id"]}
            batches = [[row["id"] for row in rows]]
            while batches:
                ids = batches.pop()
                try:
                    count += await _purge_swept(database, ids, before, now())
                except DatabaseUnavailable:
                    raise
                except Exception as error:  # noqa: BLE001 - it is raised below
                    if len(ids) == 1:
                        failures.append(error)
                    else:
                        batches = [[each] for each in reversed(ids)]
    if failures:
        raise failures[0]
    return count


async def _purge_swept(
    database: Database, ids: Sequence[UUID], before: datetime, now: datetime
) -> int:
    """Purge these in one transaction; returns how many."""
    async with database.unit_of_work() as session:
        items = await session.fetch_all(found.FIND_SWEPT, ids=ids)
        return await Purger(session).purge(items, before=before, now=now, **_BY_NOBODY)
