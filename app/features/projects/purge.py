"""Purges deleted projects without members, which deleted accounts leave behind.

Why they are not purged with the account: `docs/decisions/ends-of-accounts.md`.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal,
    null,
    select,
    update,
)

from app.core.clock import Now
from app.database.base import table_of
from app.database.changes import changes
from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.features.projects.models import Project, ProjectMember

# How long ago a project must have been deleted: longer than any request that was running then, so
# that nothing is added to it any more.
_SETTLED = timedelta(minutes=1)

projects = table_of(Project)
members = table_of(ProjectMember)

# Few enough for the statement timeout.
_BATCH = 1_000

_id = bindparam("id", type_=Uuid)
_FIND = Statement(
    select(projects.c.id)
    .where(projects.c.deleted_at < bindparam("before", type_=DateTime(timezone=True)))
    .where(~exists().where(members.c.project_id == projects.c.id))
    # Children before their parents.
    .order_by(projects.c.depth.desc(), projects.c.id)
)


def _purge() -> Statement:
    """Delete a project; if a project below it stays, keep its row without name and color."""
    below = projects.alias("below")
    is_parent = exists().where(below.c.parent_id == _id)
    gone = delete(projects).where(projects.c.id == _id, ~is_parent).returning(projects.c.id)
    bare = update(projects).where(projects.c.id == _id, is_parent)
    purged = gone.cte("gone")
    return Statement(
        select(func.count())
        .select_from(purged)
        .add_cte(bare.values(name=literal(""), color=null()).returning(projects.c.id).cte("bare"))
    )


def _unsay() -> Statement:
    """Delete a batch of what was said in the project, of whatever: it may be elsewhere by now."""
    some = (
        select(changes.c.id)
        .where(changes.c.project_id == _id)
        .limit(bindparam("batch", type_=Integer))
    )
    said = delete(changes).where(changes.c.id == any_(func.array(some.scalar_subquery())))
    return Statement(said.returning(cast(changes.c.id, Text)))


_PURGE = _purge()
_UNSAY = _unsay()


async def memberless_projects(database: Database, now: Now) -> list[UUID]:
    """The ids of deleted projects without members, children before their parents."""
    rows = await database.primary.fetch_all(_FIND, before=now() - _SETTLED)
    return [row["id"] for row in rows]


async def purge_project(database: Database, project_id: UUID, batch: int = _BATCH) -> int:
    """Purge a project without todos, and all changes in it, in batches.

    Returns 0 if its row has to stay, else 1.
    """
    # Before the row, without which nothing would find them the next time.
    while await database.primary.fetch_all(_UNSAY, id=project_id, batch=batch):
        pass
    [[count]] = await database.primary.fetch_all(_PURGE, id=project_id)
    return int(count)
