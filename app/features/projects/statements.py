"""What projects ask and tell PostgreSQL; every write leaves its changes in the same statement.

What adds to a tree of projects or removes from it first takes the lock of its root (`LOCK_TREE`),
so that no project is added below one that is being deleted.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    DateTime,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    exists,
    func,
    insert,
    join,
    literal,
    null,
    or_,
    outerjoin,
    select,
    true,
    tuple_,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlalchemy.sql import ColumnElement

from app.database import json_rows
from app.database.base import table_of
from app.database.changes import record
from app.database.json_rows import answer_of, as_object, as_text, written
from app.database.statement import Statement
from app.database.versions import is_expected
from app.features.projects.models import Project, ProjectMember
from app.features.projects.permissions import affected_users_of, may_edit, visible_to_principal
from app.features.projects.representation import representation

def document(row: FromClause, name: str, *carried: str) -> CTE:
    return json_rows.document(representation(row), row.c.id, row, name, *carried)


projects = table_of(Project)
members = table_of(ProjectMember)

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
_principal_id: ColumnElement[Any] = bindparam("principal_id", type_=Uuid)
_parent_id: ColumnElement[Any] = bindparam("parent_id", type_=Uuid)

_visible = visible_to_principal().subquery("visible")
_seen = (
    select(projects, _visible.c.role)
    .join(_visible, _visible.c.id == projects.c.id)
    .where(projects.c.id == _id)
)


def event_of(doc: CTE, event: str | ColumnElement[str], before: CTE | None = None) -> Select[Any]:
    """Rows for `changes.record`: a role is the viewer's, not the project's.

    Where there may be many, the document carries what it was `before`: PostgreSQL may take them for
    few, and then goes through all of them for each.
    """

    def shared(body: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(body, JSONB).op("-")("role")

    rows = select(
        doc.c.id,
        doc.c.id.label("project_id"),
        type_coerce(event, Text).label("event"),
        shared(doc.c.get("before", null()) if before is None else before.c.body).label("before"),
        shared(doc.c.body).label("after"),
    )
    return rows if before is None else rows.join_from(doc, before, before.c.id == doc.c.id)


def later(row: Any) -> ColumnElement[Any]:
    """The instant of a change to a locked row: one that waited is not older than what it saw."""
    return func.greatest(_now, row.c.updated_at)


def with_role(rows: FromClause, role: ColumnElement[Any], name: str, *carried: str) -> CTE:
    """The documents of projects, as somebody with this role sees them."""
    return document(select(rows, role.label("role")).subquery("row"), name, *carried)


def _create(place: Select[Any]) -> Statement:
    """A project with its owner's membership; `place` gives its id, parent and depth.

    None, if the principal owns as many as `quota` says already.
    """
    quota: ColumnElement[Any] = bindparam("quota", type_=Integer)
    owned = select(func.count()).where(
        members.c.user_id == _principal_id, members.c.role == "owner"
    )
    place = place.where(or_(quota.is_(None), owned.scalar_subquery() < quota))
    columns: dict[str, ColumnElement[Any]] = {
        "created_by": _principal_id,
        "name": bindparam("name", type_=Text),
        "color": bindparam("color", type_=Text),
        "is_inbox": bindparam("is_inbox", type_=projects.c.is_inbox.type),
        "archived": literal(False),
        "position": bindparam("position", type_=Text),
        "version": literal(1),
        "created_at": _now,
        "updated_at": _now,
    }
    new = (
        insert(projects)
        .from_select(
            ["id", "parent_id", "depth", *columns],
            place.add_columns(*columns.values()),
            include_defaults=False,
        )
        .returning(*projects.c)
        .cte("new")
    )
    owner = (
        insert(members)
        .from_select(
            ["user_id", "project_id", "role", "created_at"],
            select(_principal_id, new.c.id, literal("owner"), _now),
        )
        .cte("owner")
    )
    doc = with_role(new, literal("owner"), "doc")
    return Statement(
        # The membership that this very statement makes, it does not see yet.
        written(doc, array([_principal_id])).add_cte(
            owner, record("project", event_of(doc, "project.created"))
        )
    )


def patch(fields: frozenset[str]) -> Statement:
    """Change these fields, where they differ; the row as it then is comes back.

    An archived project takes other changes only together with its being no longer archived.
    """
    values = {field: bindparam(field, type_=projects.c[field].type) for field in sorted(fields)}
    # Asked of the row as locked: it may be archived or deleted while this waits for the lock.
    is_open: ColumnElement[bool] = projects.c.archived.is_(False)
    if "archived" in fields:
        is_open = or_(is_open, ~values["archived"], literal(len(fields) == 1))
    old = (
        _seen.where(_visible.c.role != "viewer", is_open, projects.c.deleted_at.is_(None))
        .where(is_expected(projects))
        .with_for_update(of=projects, key_share=True)
        .cte("old")
    )
    before = document(old, "before")
    if not values:
        return Statement(written(before, array([_principal_id])))
    new = (
        update(projects)
        .where(projects.c.id == old.c.id)
        # Compared with the row as locked: this scan sees it as it was before the wait for the lock.
        .where(
            tuple_(*(old.c[field] for field in values)).is_distinct_from(tuple_(*values.values()))
        )
        .values(**values, version=projects.c.version + 1, updated_at=later(old))
        .returning(*projects.c, old.c.role)
        .cte("new")
    )
    after = document(new, "after")
    answer = union_all(
        written(after, affected_users_of(after.c.project_id)),
        # For who asks: what this says is there may be newer than what was read before.
        written(before, array([_principal_id])).where(~exists(select(after.c.id))),
    )
    return Statement(answer.add_cte(record("project", event_of(after, "project.updated", before))))


def _delete() -> Statement:
    """Mark a project and all below it as deleted; their todos are hidden with them."""
    root = _seen.with_only_columns(projects.c.id).where(_visible.c.role == "owner")
    tree = root.cte("tree", recursive=True)
    tree = tree.union_all(select(projects.c.id).join(tree, projects.c.parent_id == tree.c.id))
    old = (
        select(projects)
        .where(projects.c.id.in_(select(tree.c.id)), projects.c.deleted_at.is_(None))
        .order_by(projects.c.depth.desc(), projects.c.id)
        .with_for_update(of=projects, key_share=True)
        .cte("old")
    )
    before = with_role(old, literal("owner"), "before")
    target = before.alias("target")
    gone = (
        update(projects)
        .where(projects.c.id == before.c.id)
        .where(exists(select(target.c.id).where(target.c.id == _id, is_expected(target))))
        .values(deleted_at=_now, version=projects.c.version + 1, updated_at=later(projects))
        .returning(*projects.c, before.c.body.label("before"))
        .cte("gone")
    )
    after = with_role(gone, literal("owner"), "after", "before")
    return Statement(
        # All of them, since each has members of its own.
        written(after, affected_users_of(after.c.project_id))
        .order_by(after.c.id != _id)
        .add_cte(record("project", event_of(after, "project.trashed")))
    )


def _lock_tree() -> Statement:
    """Wait for the tree that a project is in, for which its root stands, whoever's that is."""
    # Whoever cannot see it cannot make others wait for it, or learn that they do.
    start = _seen.with_only_columns(projects.c.id, projects.c.parent_id)
    up = start.cte("up", recursive=True)
    up = up.union_all(
        select(projects.c.id, projects.c.parent_id).join(up, up.c.parent_id == projects.c.id)
    )
    key = func.hashtextextended(cast(up.c.id, Text), 0)
    return Statement(select(func.pg_advisory_xact_lock(key)).where(up.c.parent_id.is_(None)))


def page(sort: str, filters: frozenset[str], *, is_first: bool, with_total: bool) -> Statement:
    """The rows of a page: each row's JSON as `body`, its sort key as text, and its id.

    With the total, it is a column of each row, and of one without a body if the page is empty.
    """
    key = projects.c[sort.removeprefix("-")]
    place = tuple_(key, projects.c.id)
    last = tuple_(
        cast(bindparam("last_key", type_=Text), key.type), bindparam("last_id", type_=Uuid)
    )
    descending = sort.startswith("-")
    conditions = {
        "parent_id": projects.c.parent_id == _parent_id,
        "top_level": projects.c.parent_id.is_(None),
    }
    matching = (
        select(projects, _visible.c.role)
        .join(_visible, _visible.c.id == projects.c.id)
        .where(projects.c.archived == bindparam("archived", type_=projects.c.archived.type))
        .where(*(conditions[name] for name in sorted(filters)))
    )
    rows = matching.order_by(
        *((key.desc(), projects.c.id.desc()) if descending else (key, projects.c.id))
    ).limit(bindparam("limit", type_=Integer))
    if not is_first:
        rows = rows.where(place < last if descending else place > last)
    found = rows.subquery("found")
    order = found.c[key.name]
    fields = select(*representation(found)).correlate(found).lateral("fields")
    columns = (
        as_text(as_object(fields)).label("body"),
        cast(order, Text).label("sort_key"),
        found.c.id,
    )
    rows_of_page = join(found, fields, true())
    in_order = (order.desc(), found.c.id.desc()) if descending else (order, found.c.id)
    if not with_total:
        return Statement(select(*columns).select_from(rows_of_page).order_by(*in_order))
    total = matching.with_only_columns(func.count().label("total")).subquery("counted")
    return Statement(
        select(total.c.total, *columns)
        .select_from(outerjoin(total, rows_of_page, true()))
        .order_by(*in_order)
    )


_parent = visible_to_principal(only=_parent_id).subquery("parent")
_parent_depth = select(projects.c.depth).where(projects.c.id == _parent.c.id).scalar_subquery()

CREATE = _create(select(_id, cast(null(), Uuid), literal(1)))
CREATE_BELOW = _create(select(_id, _parent.c.id, _parent_depth + 1).where(may_edit(_parent)))
DELETE = _delete()
READ = Statement(answer_of(document(_seen.subquery("seen"), "doc")))
DIAGNOSIS = Statement(
    _seen.with_only_columns(
        projects.c.version, projects.c.is_inbox, _visible.c.role, _visible.c.archived
    )
)
LOCK_TREE = _lock_tree()
