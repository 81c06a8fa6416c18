"""The statements of members, in the order in which they run.

A write first takes the lock of the project's tree (`LOCK_ROOT`), which whatever adds to a tree or
takes from it takes as well. Only the end of an account changes members without it: then a write
finds fewer rows than it read, or an owner, and is run anew.
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
    any_,
    bindparam,
    case,
    cast,
    column,
    delete,
    func,
    insert,
    join,
    literal,
    null,
    outerjoin,
    select,
    table,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement

from app.database.base import table_of
from app.database.changes import bumped_timestamp
from app.database.json_rows import as_text, instant, written
from app.database.row_changes import only_principal
from app.database.statement import AFFECTED_USERS, SEEN_PROJECT, Statement
from app.features.labels.adoption import making, missing
from app.features.labels.statements import held_by as labels_of
from app.features.projects.models import EDITOR, OWNER, Project, ProjectMember
from app.features.projects.permissions import (
    affected_users_of_all,
    owned_count,
    visible_to_principal,
)
from app.features.projects.representation import (
    members_created,
    members_deleted,
    members_updated,
)
from app.features.projects.statements import PROJECTS
from app.features.todos.sql.quota import has_room_for
from app.features.todos.sql.sorting import todos

projects = table_of(Project)
members = table_of(ProjectMember)
# Accounts belong to a feature that knows this one: their table is used by name, as in a foreign
# key.
users = table("users", column("id", Uuid), column("display_name", Text), column("email", Text))

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_user_id: ColumnElement[Any] = bindparam("user_id", type_=Uuid)
_role: ColumnElement[Any] = bindparam("role", type_=Text)
_now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
_tree: ColumnElement[Any] = bindparam("tree", type_=ARRAY(Uuid))
_principal_id: ColumnElement[Any] = bindparam("principal_id", type_=Uuid)

_theirs = (members.c.project_id == any_(_tree), members.c.user_id == _user_id)
# Who leaves may send that again, though the project is nothing that it sees any more.
_replayed_to: ColumnElement[Any] = case((_user_id == _principal_id, null()), else_=_id)


def representation(member: FromClause, user: FromClause) -> list[ColumnElement[Any]]:
    """The fields of `MemberRead`."""
    return [
        member.c.user_id,
        user.c.display_name,
        user.c.email,
        member.c.role,
        instant(member.c.created_at).label("created_at"),
    ]


def tree_of(root: Select[Any]) -> CTE:
    """The ids of a project and of all below it, deleted ones too."""
    tree = root.with_only_columns(projects.c.id, projects.c.depth).cte("tree", recursive=True)
    below = select(projects.c.id, projects.c.depth)
    return tree.union_all(below.join(tree, projects.c.parent_id == tree.c.id))


def locked_tree(root: Select[Any], *, alone: bool = False) -> CTE:
    """Lock a project and all below it, the leaves first.

    `alone`: no todo is added meanwhile, since those are counted that their owner has.
    """
    tree = tree_of(root)
    return (
        select(projects)
        .join(tree, tree.c.id == projects.c.id)
        .order_by(projects.c.depth.desc(), projects.c.id)
        .with_for_update(of=projects, key_share=not alone)
        .cte("locked")
    )


def _lock(*, alone: bool) -> Statement:
    """Lock a visible project's tree; read the project, and one of its members (`body`), if it is.

    `version` is the project's.
    """
    seen = visible_to_principal(only=_id).cte("seen")
    root = select(projects).join(seen, seen.c.id == projects.c.id)
    locked = locked_tree(root, alone=alone)
    here = select(locked).where(locked.c.id == _id).subquery("here")
    is_here = (members.c.project_id == _id) & (members.c.user_id == _user_id)
    target = outerjoin(here, members, is_here).outerjoin(users, users.c.id == members.c.user_id)
    fields = select(*representation(members, users)).correlate(members, users).lateral("fields")
    return Statement(
        select(
            members.c.user_id.label("id"),
            here.c.version,
            as_text(fields).label("body"),
            _replayed_to.label("project_id"),
            only_principal.label(AFFECTED_USERS),
            *(here.c[name] for name in ("parent_id", "is_inbox", "deleted_at")),
            seen.c.role,
            members.c.role.label("member_role"),
            func.array(select(locked.c.id).scalar_subquery()).label("tree"),
        ).select_from(target.join(seen, true()).join(fields, true()))
    )


def _raised() -> CTE:
    """Raise the versions of the projects: each has another role for somebody."""
    return (
        update(projects)
        .where(projects.c.id == any_(_tree))
        .values(version=projects.c.version + 1, updated_at=bumped_timestamp(projects))
        .returning(*projects.c)
        .cte("raised")
    )


def _as_seen(rows: CTE, role: ColumnElement[Any]) -> FromClause:
    """Projects with the role of who sees them."""
    return select(rows, role.label("role")).subquery("seen")


def _update() -> Statement:
    """Give a member another role."""
    old = select(members).where(*_theirs).cte("old")
    changed = (
        update(members)
        .where(members.c.project_id == old.c.project_id, members.c.user_id == old.c.user_id)
        .values(role=_role)
        .returning(*members.c, old.c.role.label("role_before"))
        .cte("changed")
    )
    raised = _raised()
    fields = select(*representation(changed, users)).correlate(changed, users).lateral("fields")
    rows = (
        join(changed, raised, raised.c.id == changed.c.project_id)
        .join(users, users.c.id == changed.c.user_id)
        .join(fields, true())
    )
    return Statement(
        select(
            changed.c.user_id.label("id"),
            raised.c.version,
            as_text(fields).label("body"),
            changed.c.project_id,
            affected_users_of_all(_tree).label(AFFECTED_USERS),
        )
        .select_from(rows)
        .where(changed.c.project_id == _id)
        .add_cte(members_updated(changed, changed.c.role_before))
    )


def _remove() -> Statement:
    """Take somebody out of the projects; it is one of those whom that affects.

    Not an owner: the end of another account may have made it that since it was read.
    """
    stays = members.c.role == literal(OWNER)
    gone = delete(members).where(*_theirs, ~stays).returning(*members.c).cte("gone")
    return Statement(
        select(
            gone.c.user_id,
            _replayed_to.label("project_id"),
            affected_users_of_all(_tree).label(AFFECTED_USERS),
        )
        .where(gone.c.project_id == _id)
        .add_cte(members_deleted(gone))
    )


def _transfer() -> Statement:
    """Make a member the owner, and the owner an editor; returns the project as that sees it.

    The new owner gets the parameter `labels`: see `labels.adoption`. `missing` are those that it
    has to get, which may be others than `ROOM` found: todos are labelled meanwhile.
    """
    old = select(members).where(members.c.project_id == any_(_tree)).cte("old")

    def given(role: str, user_id: ColumnElement[Any], *after: ColumnElement[bool]) -> CTE:
        own = (old.c.project_id == members.c.project_id) & (old.c.user_id == members.c.user_id)
        return (
            update(members)
            .where(own, old.c.user_id == user_id, *after)
            .values(role=literal(role))
            .returning(*members.c, old.c.role.label("role_before"))
            .cte(role)
        )

    former = given(EDITOR, _principal_id)
    # A project has one owner at each moment.
    is_done = select(func.count()).select_from(former).scalar_subquery() > 0
    new = given(OWNER, _user_id, is_done)
    both = select(former).union_all(select(new)).cte("both")
    raised = _raised()
    after = PROJECTS.document(_as_seen(raised, literal(EDITOR)), "after")
    lacks = missing(_tree, _principal_id, _user_id).label("missing")
    answer = written(after, affected_users_of_all(_tree)).add_columns(lacks)
    return Statement(
        answer.where(after.c.id == _id, new.c.project_id == _id).add_cte(
            members_updated(both, both.c.role_before), *making(_user_id, _now)
        )
    )


def _room() -> Statement:
    """Whether somebody may own these projects, and what is in them, the trash too.

    `missing` are the labels that it has not: see `labels.adoption`.
    """
    moved = select(func.count()).where(todos.c.project_id == any_(_tree)).scalar_subquery()
    quota: ColumnElement[Any] = bindparam("quota_projects", type_=Integer)
    return Statement(
        select(
            (owned_count(_user_id) + func.cardinality(_tree) <= quota).label("projects"),
            has_room_for(_user_id, moved).label("todos"),
            missing(_tree, _principal_id, _user_id).label("missing"),
            labels_of(_user_id).label("labels"),
        )
    )


def _join() -> Statement:
    """Make somebody a member of the projects; returns the project as that sees it."""
    below: ColumnElement[Any] = func.unnest(_tree)
    tree = select(below.label("id")).subquery("tree")
    columns = ["user_id", "project_id", "role", "created_at"]
    new = (
        insert(members)
        .from_select(columns, select(_user_id, tree.c.id, _role, _now))
        .returning(*members.c)
        .cte("new")
    )
    after = PROJECTS.document(_as_seen(_raised(), _role), "after")
    everybody = func.array_append(affected_users_of_all(_tree), _user_id)
    # To see the project is enough for the answer, also by a viewer who sends that again.
    answer = select(
        after.c.id,
        after.c.version,
        cast(after.c.body, Text).label("body"),
        cast(null(), Uuid).label("project_id"),
        after.c.project_id.label(SEEN_PROJECT),
        everybody.label(AFFECTED_USERS),
    )
    return Statement(answer.where(after.c.id == _id).add_cte(members_created(new)))


LOCK = _lock(alone=False)
LOCK_ALONE = _lock(alone=True)
UPDATE = _update()
REMOVE = _remove()
TRANSFER = _transfer()
ROOM = _room()
JOIN = _join()
