"""Purges rows, with what is attached to them and what `changes` quotes of them."""

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    DateTime,
    Integer,
    Text,
    Update,
    Uuid,
    any_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    literal_column,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.sql import ColumnElement

from app.database.base import table_of
from app.database.changes import changes, is_departure
from app.database.statement import AFFECTED_USERS, Statement
from app.features.projects.permissions import affected_users_of
from app.features.projects.statements import members, projects
from app.features.todos.sql.writes import todos
from app.features.trash.models import PurgedId

purged_ids = table_of(PurgedId)

_ids: ColumnElement[Any] = bindparam("ids", type_=ARRAY(Uuid))
_NOTHING: ColumnElement[Any] = literal_column("'{}'::jsonb", JSONB)
_GONE: ColumnElement[Any] = literal_column("'null'::jsonb", JSONB)
_GREATEST_NUMBER: ColumnElement[int] = literal_column(f"{2**63 - 1}", BigInteger)
# Nobody may do anything there any more, and the answer may be sent again all the same.
_no_project: ColumnElement[Any] = cast(null(), Uuid).label("project_id")


def _unsay(*where: ColumnElement[bool]) -> Update:
    """Take away what these changes say; that something happened is still to be told.

    That a row left a project says nothing of it, and is still to be told there.
    """
    said = update(changes).where(*where, ~is_departure(), changes.c.row_after != _GONE)
    return said.values(changed=_NOTHING, row_after=_GONE)


def _unsay_todos(gone: CTE) -> CTE:
    # An array is looked up in the index; a join would read all of `changes`.
    ids = func.array(select(gone.c.id).scalar_subquery())
    theirs = (changes.c.resource_type == literal("todo"), changes.c.resource_id == any_(ids))
    return _unsay(*theirs).returning(changes.c.project_id).cte("unsaid")


def _unsay_project() -> Statement:
    """Take away what some changes in a project say, of whatever: it may be elsewhere by now.

    These are a batch after the change `last`; the statement's row says the next one's `last`.
    """
    # Where only the id may differ, PostgreSQL might go through all changes by their ids.
    place = (changes.c.project_id, changes.c.id)
    project_id = bindparam("project_id", type_=Uuid)
    some = (
        select(changes.c.id)
        .where(
            tuple_(*place) > tuple_(project_id, bindparam("last", type_=BigInteger)),
            tuple_(*place) <= tuple_(project_id, _GREATEST_NUMBER),
        )
        .order_by(*place)
        .limit(bindparam("batch", type_=Integer))
        .cte("some")
    )
    ids = func.array(select(some.c.id).scalar_subquery())
    unsaid = _unsay(changes.c.id == any_(ids)).returning(changes.c.id).cte("unsaid")
    return Statement(select(func.max(some.c.id).label("last")).add_cte(unsaid))


def _tell(resource: str, gone: CTE, project_id: ColumnElement[Any], *where: Any) -> CTE:
    """Record that these were purged."""
    columns: dict[str, ColumnElement[Any]] = {
        "resource_type": literal(resource),
        "resource_id": gone.c.id,
        "project_id": project_id,
        "actor_id": bindparam("actor_id", type_=Uuid),
        "request_id": bindparam("request_id", type_=Text),
        "event": literal(f"{resource}.purged"),
        "changed": _NOTHING,
        "row_after": _GONE,
        "created_at": bindparam("now", type_=DateTime(timezone=True)),
    }
    rows = select(*columns.values()).select_from(gone).where(*where)
    return insert(changes).from_select([*columns], rows).returning(changes.c.id).cte("told")


def _remember(gone: CTE) -> CTE:
    # A todo, a project and a comment may have the same id.
    new = insert(purged_ids).from_select(["id"], select(gone.c.id)).on_conflict_do_nothing()
    return new.returning(purged_ids.c.id).cte("remembered")


def _purge_todos() -> Statement:
    """Delete these todos, with their comments, completions and what `changes` quotes of them.

    Foreign keys take comments and completions, a trigger what `changes` quotes of comments. What is
    in a project that is purged, that project's event tells.
    """
    gone = (
        delete(todos)
        .where(todos.c.id == any_(_ids))
        .returning(todos.c.id, todos.c.project_id, todos.c.deletion_id)
        .cte("gone")
    )
    unsaid = _unsay_todos(gone)
    # Activity of projects that they had left quoted them too.
    where = select(gone.c.project_id).union(select(unsaid.c.project_id)).subquery("place")
    return Statement(
        select(
            _no_project,
            affected_users_of(where.c.project_id).label(AFFECTED_USERS),
        ).add_cte(
            unsaid,
            _tell("todo", gone, gone.c.project_id, gone.c.deletion_id.is_not(None)),
            _remember(gone),
        )
    )


def _purge_projects() -> Statement:
    """Delete these projects, in which there are no todos, and nothing is said, any more."""
    gone = delete(projects).where(projects.c.id == any_(_ids)).returning(projects.c.id).cte("gone")
    left = (
        delete(members)
        .where(members.c.project_id == any_(_ids))
        .returning(members.c.project_id)
        .cte("left_members")
    )
    return Statement(
        select(
            _no_project,
            affected_users_of(gone.c.id).label(AFFECTED_USERS),
        )
        .select_from(gone)
        .add_cte(
            left,
            _tell("project", gone, gone.c.id),
            _remember(gone),
        )
    )


PURGE_TODOS = _purge_todos()
PURGE_PROJECTS = _purge_projects()
UNSAY_PROJECT = _unsay_project()
