"""The statements of activity: each reads the newest changes by an index that leads with its places.

A change belongs to the project in which it happened, and is shown to who sees that one now.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    join,
    literal,
    literal_column,
    null,
    or_,
    outerjoin,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import ColumnElement

from app.database.changes import changes, event_id
from app.database.json_rows import as_text, fitting, instant
from app.database.statement import Statement
from app.features.activity.models import IS_COMMENT, TODO_OF_COMMENT
from app.features.projects.permissions import visible_to_principal
from app.features.todos.sql.permissions import visible_todo

_principal_id: ColumnElement[Any] = bindparam("principal_id", type_=Uuid)
_limit: ColumnElement[int] = bindparam("limit", type_=Integer)
_GREATEST_NUMBER: ColumnElement[int] = literal_column(f"{2**63 - 1}", BigInteger)
_LEAST_ID: ColumnElement[Any] = literal_column(f"'{UUID(int=0)}'::uuid", Uuid)
_GREATEST_ID: ColumnElement[Any] = literal_column(f"'{UUID(int=2**128 - 1)}'::uuid", Uuid)
_EMPTY: ColumnElement[Any] = literal_column("'{}'::jsonb", JSONB)

# Columns of an index, and what they are there.
Place = list[tuple[ColumnElement[Any], ColumnElement[Any]]]


def _is_activity() -> ColumnElement[bool]:
    """Not a position by another's move, nor that of somebody else's own list of projects."""
    only_position = changes.c.changed.op("-")(literal("position", Text)) == _EMPTY
    is_own = and_(
        changes.c.event == literal("project.moved"),
        changes.c.row_after["parent_id"].astext.is_(None),
        only_position,
    )
    return and_(
        changes.c.incidental.is_(False),
        or_(~is_own, changes.c.actor_id == _principal_id),
    )


def project_page(*, is_first: bool, with_total: bool) -> Statement:
    """The statement of a page of what happened in the visible project with the id `id`.

    If there is nothing on the page, it is one row without a body; no row: the project is not seen.
    """
    project = visible_to_principal(only=bindparam("id", type_=Uuid)).cte("project")
    here: Place = [(changes.c.project_id, project.c.id)]
    found = _newest(here, is_first=is_first).correlate(project).lateral("found")
    total = _number(changes.c.project_id == project.c.id).correlate(project)
    return _page(project, found, total.scalar_subquery() if with_total else None)


def todo_page(*, is_first: bool, with_total: bool) -> Statement:
    """The same of the visible todo with the id `id`, and of the comments on it."""
    columns = visible_todo.selected_columns
    todo = visible_todo.with_only_columns(columns["id"], columns["project_id"]).cte("todo")
    been = func.array(select(_places(todo).c.project_id).scalar_subquery())
    # It is there in any case.
    here = func.array_append(been, select(todo.c.project_id).scalar_subquery())
    seen = visible_to_principal(among=here).cte("seen")
    in_place = (changes.c.project_id, seen.c.id)
    sources: list[tuple[Place, ColumnElement[bool]]] = [
        (
            [(changes.c.resource_id, todo.c.id), in_place],
            changes.c.resource_type == literal("todo"),
        ),
        ([(TODO_OF_COMMENT, cast(todo.c.id, Text)), in_place], literal_column(IS_COMMENT)),
    ]
    found, numbers = [], []
    for number, (place, condition) in enumerate(sources):
        rows = _newest(place, condition, is_first=is_first)
        read = rows.correlate(todo, seen).lateral(f"read_{number}")
        found.append(select(read).select_from(todo.join(seen, true()).join(read, true())))
        (column, value), _ = place
        anywhere = changes.c.project_id.in_(select(seen.c.id))
        counted = _number(column == value, condition, anywhere).correlate(todo)
        numbers.append(counted.scalar_subquery())
    merged = union_all(*found).subquery("merged")
    page = select(merged).order_by(merged.c.id.desc()).limit(_limit).subquery("found")
    return _page(todo, page, numbers[0] + numbers[1] if with_total else None)


def _places(todo: CTE) -> CTE:
    """The projects in which something happened to a todo: one step in the index for each.

    Nothing else of what happened in one that is not seen is read.
    """
    place = select(todo.c.id, _LEAST_ID.label("project_id")).cte("place", recursive=True)
    key = [changes.c.resource_id, changes.c.project_id]
    following = (
        select(changes.c.project_id)
        .where(
            tuple_(*key) > tuple_(place.c.id, place.c.project_id),
            tuple_(*key) <= tuple_(place.c.id, _GREATEST_ID),
        )
        .order_by(*key)
        .limit(literal_column("1"))
        .correlate(place)
    )
    return place.union_all(
        select(place.c.id, following.scalar_subquery()).where(place.c.project_id.is_not(None))
    )


def _newest(place: Place, *where: ColumnElement[bool], is_first: bool) -> Select[Any]:
    """The changes of a page, and one more.

    They are between two places of an index, and in the order of all its columns: where only the
    last one may differ, PostgreSQL might go through all changes by their ids.
    """
    last = _GREATEST_NUMBER
    if not is_first:
        last = cast(bindparam("last_key", type_=Text), BigInteger)
    columns, values = zip(*place, strict=True)
    key = tuple_(*columns, changes.c.id)
    rows = select(changes).where(
        key > tuple_(*values, literal_column("0")), key < tuple_(*values, last), *where
    )
    order = [column.desc() for column in (*columns, changes.c.id)]
    return rows.where(_is_activity()).order_by(*order).limit(_limit)


def _number(*where: ColumnElement[bool]) -> Select[Any]:
    return select(func.count()).select_from(changes).where(*where, _is_activity())


def _page(place: CTE, found: FromClause, total: ColumnElement[Any] | None) -> Statement:
    beside = [] if total is None else [total.label("total")]
    listed = select(found, *beside).select_from(outerjoin(place, found, true())).subquery("listed")
    # As PostgreSQL has it in memory: about as long as the text, which it would take long to write.
    size = func.pg_column_size(listed.c.changed.op("||")(_EMPTY))
    shown = fitting(listed, size, [listed.c.id.desc()])
    fields = select(*representation(shown)).correlate(shown).lateral("fields")
    answer = select(
        case((shown.c.id.is_not(None), as_text(fields))).label("body"),
        cast(shown.c.id, Text).label("sort_key"),
        fields.c.id,
        *(shown.c[each.name] for each in beside),
    )
    return Statement(answer.select_from(join(shown, fields, true())).order_by(shown.c.id.desc()))


def representation(change: FromClause) -> list[ColumnElement[Any]]:
    """The fields of `ActivityRead`, from a row of `changes`."""
    row = change.c
    return [
        event_id(change).label("id"),
        instant(row.created_at).label("at"),
        row.actor_id,
        row.event,
        row.resource_type.label("type"),
        row.resource_id,
        _told(change).label("changes"),
    ]


def _told(change: FromClause) -> ColumnElement[Any]:
    """What changed; of what came from a project that the reader does not see, not what it was."""
    came_from = cast(change.c.changed[("project_id", "from")].astext, Uuid)
    is_seen = visible_to_principal(only=came_from).correlate(change).exists()
    each = func.jsonb_each(change.c.changed).table_valued("key", "value").alias("each")
    value = cast(each.c.value, JSONB)
    bare = func.jsonb_build_object("from", null(), "to", value["to"])
    without = select(func.jsonb_object_agg(each.c.key, bare)).correlate(change).scalar_subquery()
    return case((and_(came_from.is_not(None), ~is_seen), without), else_=change.c.changed)
