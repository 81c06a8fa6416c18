"""The statements that restore a project, in the order in which they run."""

from typing import Any

from sqlalchemy import CTE, Select, Text, Uuid, bindparam, cast, exists, func, select
from sqlalchemy.sql import ColumnElement

from app.database.statement import Statement
from app.features.projects.move_statements import MOVE
from app.features.projects.permissions import joined_by_principal
from app.features.projects.statements import UPDATE, projects

__all__ = ["LOCK", "LOCK_ROOT", "MOVE", "UPDATE"]

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_place = joined_by_principal().subquery("place")
_is_trashed = (projects.c.id == _id) & (projects.c.deletion_id == projects.c.id)


def _root() -> tuple[CTE, ColumnElement[bool]]:
    """From the project `id` in the trash upwards, and which of these is the root."""
    start = select(projects.c.id, projects.c.parent_id).join(_place, _place.c.id == projects.c.id)
    up = start.where(_is_trashed).cte("up", recursive=True)
    above = select(projects.c.id, projects.c.parent_id).join(up, up.c.parent_id == projects.c.id)
    up = up.union_all(above)
    return up, up.c.parent_id.is_(None)


def _lock_root() -> Statement:
    """Take the lock of the project's tree, as `projects.statements.LOCK_ROOT` does."""
    up, is_root = _root()
    key = func.hashtextextended(cast(up.c.id, Text), 0)
    return Statement(select(up.c.id, func.pg_advisory_xact_lock(key)).where(is_root))


def _lock() -> Statement:
    """Lock the project and all below it, what went with other deletions too."""
    up, is_root = _root()
    tree = _down(select(projects.c.id).where(_is_trashed))
    parent = projects.alias("parent")
    has_parent = exists().where(parent.c.id == projects.c.parent_id, parent.c.deleted_at.is_(None))
    columns = (projects.c.id, projects.c.version, projects.c.depth, projects.c.deletion_id)
    return Statement(
        select(
            *columns,
            _place.c.role,
            projects.c.parent_id,
            has_parent.label("has_parent"),
            select(up.c.id).where(is_root).scalar_subquery().label("root_id"),
        )
        .join(tree, tree.c.id == projects.c.id)
        .outerjoin(_place, _place.c.id == projects.c.id)
        .order_by(projects.c.depth.desc(), projects.c.id)
        .with_for_update(of=projects, key_share=True)
    )


def _down(start: Select[Any]) -> CTE:
    """These projects and all below them."""
    tree = start.cte("tree", recursive=True)
    return tree.union_all(select(projects.c.id).join(tree, projects.c.parent_id == tree.c.id))


LOCK_ROOT = _lock_root()
LOCK = _lock()
