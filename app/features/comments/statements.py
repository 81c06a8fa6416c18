"""The statements of comments; the service says which of them make up a write.

What writes holds the todo (`FOR KEY SHARE`): it does not go to another project meanwhile, so that
the change is told where the comment is.
"""

from typing import Any

from sqlalchemy import (
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    join,
    outerjoin,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql import ColumnElement

from app.database.base import table_of
from app.database.json_rows import as_text, fitting, instant
from app.database.row_changes import Resource
from app.database.statement import Statement
from app.features.comments.models import Comment
from app.features.projects.permissions import affected_users_of, may_edit
from app.features.todos.sql.permissions import visible_todo
from app.features.todos.sql.writes import todos

comments = table_of(Comment)

_comment_id: ColumnElement[Any] = bindparam("comment_id", type_=Uuid)
_is_there = comments.c.deleted_at.is_(None)


def representation(comment: FromClause) -> list[ColumnElement[Any]]:
    """The fields of `CommentRead`, from a row of `comments`."""
    row = comment.c
    return [
        row.id,
        row.version,
        row.todo_id,
        row.author_id,
        row.body,
        instant(row.created_at).label("created_at"),
        instant(row.updated_at).label("updated_at"),
    ]


def _project_of(comment: FromClause) -> ColumnElement[Any]:
    """The project of a comment's todo."""
    found = select(todos.c.project_id).where(todos.c.id == comment.c.todo_id)
    return found.correlate_except(todos).scalar_subquery()


COMMENTS = Resource(
    "comment",
    comments,
    representation,
    project_id=_project_of,
    affected_users=lambda document: affected_users_of(document.c.project_id),
    fixed=frozenset({"todo_id", "author_id", "created_at"}),
)


def _held(*more: ColumnElement[Any]) -> Select[Any]:
    """The visible todo with the id `id`, held in its project, and the caller's role there."""
    columns = visible_todo.selected_columns
    names = ("id", "role", "archived")
    return visible_todo.with_only_columns(
        *(columns[name] for name in names), *more
    ).with_for_update(of=todos, read=True, key_share=True)


def _create() -> Statement:
    number = select(func.count()).where(comments.c.todo_id == todos.c.id, _is_there)
    quota: ColumnElement[Any] = bindparam("quota", type_=Integer)
    has_room = number.correlate(todos).scalar_subquery() < quota
    place = _held(has_room.label("has_room")).cte("place")
    return COMMENTS.insert(
        place, may_edit(place) & place.c.has_room, "role", "archived", todo_id=place.c.id
    )


def _lock() -> Statement:
    todo = _held().cte("todo")
    return COMMENTS.lock(
        select(comments, todo.c.role, todo.c.archived)
        .join(todo, todo.c.id == comments.c.todo_id)
        .where(comments.c.id == _comment_id, _is_there),
        "role",
        "archived",
        "author_id",
    )


def _read() -> Statement:
    todo = visible_todo.with_only_columns(visible_todo.selected_columns["id"]).subquery("todo")
    seen = (
        select(comments)
        .join(todo, todo.c.id == comments.c.todo_id)
        .where(comments.c.id == _comment_id, _is_there)
    )
    return COMMENTS.read(seen)


def page(sort: str, *, is_first: bool, with_total: bool) -> Statement:
    """The statement of a page of the comments on the visible todo with the id `id`.

    If there are none on the page, it is one row without a body; no row means that nothing is seen.
    """
    descending = sort.startswith("-")
    todo = visible_todo.with_only_columns(visible_todo.selected_columns["id"]).subquery("todo")
    mine = select(comments).where(comments.c.todo_id == todo.c.id, _is_there)
    rows = mine.correlate(todo)
    if not is_first:
        place = tuple_(comments.c.created_at, comments.c.id)
        last = tuple_(
            cast(bindparam("last_key", type_=Text), comments.c.created_at.type),
            bindparam("last_id", type_=Uuid),
        )
        rows = rows.where(place < last if descending else place > last)
    found = (
        rows.order_by(*_in_order(comments, descending))
        .limit(bindparam("limit", type_=Integer))
        .lateral("found")
    )
    beside = []
    if with_total:
        counted = mine.with_only_columns(func.count()).correlate(todo)
        beside.append(counted.scalar_subquery().label("total"))
    listed = select(found, *beside).select_from(outerjoin(todo, found, true())).subquery("listed")
    shown = fitting(listed, func.octet_length(listed.c.body), _in_order(listed, descending))
    fields = select(*representation(shown)).correlate(shown).lateral("fields")
    answer = select(
        case((shown.c.id.is_not(None), as_text(fields))).label("body"),
        cast(shown.c.created_at, Text).label("sort_key"),
        shown.c.id,
        *(shown.c[each.name] for each in beside),
    )
    return Statement(
        answer.select_from(join(shown, fields, true())).order_by(*_in_order(shown, descending))
    )


def _in_order(rows: FromClause, descending: bool) -> list[ColumnElement[Any]]:
    keys = (rows.c.created_at, rows.c.id)
    return [key.desc() if descending else key for key in keys]


CREATE = _create()
READ = _read()
LOCK = _lock()
UPDATE = COMMENTS.update()
