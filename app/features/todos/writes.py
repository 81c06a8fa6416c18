"""What the todos' writes say to PostgreSQL: each is one statement that also leaves its changes.

Permission is part of each: a row that the principal may not see or change is not touched, and the
statement returns nothing; `queries.DIAGNOSIS` then tells why. Rows are locked from the leaves to
the root, so that no two writes wait for each other; what adds to a tree or removes from it first
takes its project's lock (`deletion.LOCK_PROJECT`), so that no subtask is added below a todo that
is being deleted.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    Boolean,
    DateTime,
    Integer,
    Select,
    Subquery,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.sql import ColumnElement

from app.database.base import table_of
from app.database.changes import record
from app.database.json_rows import written
from app.database.statement import Statement
from app.database.versions import is_expected
from app.features.projects.permissions import (
    audience_of,
    inbox_of_principal,
    may_edit,
    visible_to_principal,
)
from app.features.todos.models import Todo
from app.features.todos.quota import has_room
from app.features.todos.representation import document

todos = table_of(Todo)

todo_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
_project_id: ColumnElement[Any] = bindparam("project_id", type_=Uuid)
_is_completed: ColumnElement[Any] = bindparam("completed", type_=Boolean)

# The columns that hold what a client sends, but for `completed_at`.
_WRITABLE = (
    "title",
    "title_key",
    "title_words",
    "description",
    "description_words",
    "priority",
    "due_local",
    "due_all_day",
    "due_timezone",
    "due_at",
    "due_rules",
)
# Of these, what follows from the others.
_DERIVED = {"title_words", "description_words", "due_at", "due_rules"}


def _sent(column: str) -> ColumnElement[Any]:
    if column == "due_local":
        # As text, since the driver takes the first moment of the year 1 for minus infinity.
        return cast(bindparam(column, type_=Text), DateTime)
    return bindparam(column, type_=todos.c[column].type)


def later(row: Any) -> ColumnElement[Any]:
    """The instant of a change to a locked row: one that waited is not older than what it saw."""
    return func.greatest(now, row.c.updated_at)


def event_of(doc: CTE, event: str | ColumnElement[str], before: CTE | None = None) -> Select[Any]:
    """Rows for `changes.record`.

    Where there may be many, the document carries what it was `before`: PostgreSQL may take them for
    few, and then goes through all of them for each.
    """
    old = doc.c.get("before", null()) if before is None else before.c.body
    rows = select(
        doc.c.id,
        doc.c.project_id,
        type_coerce(event, Text).label("event"),
        old.label("before"),
        doc.c.body.label("after"),
    )
    return rows.join_from(doc, before, before.c.id == doc.c.id) if before is not None else rows


def _answer(doc: CTE) -> Select[Any]:
    return written(doc, audience_of(doc.c.project_id))


def _unchanged(doc: CTE) -> Select[Any]:
    """For who asks: what this says is there may be newer than what was read before."""
    return written(doc, array([bindparam("principal_id", type_=Uuid)]))


def _insert(name: str, place: Select[Any]) -> CTE:
    """Insert a todo; `place` gives its project, parent and depth."""
    columns = {
        "created_by": bindparam("principal_id", type_=Uuid),
        **{column: _sent(column) for column in _WRITABLE},
        "completed_at": case((_is_completed, now), else_=null()),
        "position": _sent("position"),
        "subtask_count": literal(0),
        "completed_subtask_count": literal(0),
        "version": literal(1),
        "created_at": now,
        "updated_at": now,
    }
    return (
        insert(todos)
        .from_select(
            ["id", "project_id", "parent_id", "depth", *columns],
            place.add_columns(*columns.values()),
        )
        .returning(*todos.c)
        .cte(name)
    )


def _create(project: Subquery) -> Statement:
    place = select(todo_id, project.c.id, cast(null(), Uuid), literal(1))
    new = _insert("new", place.where(may_edit(project), has_room(project.c.id)))
    doc = document(new, "doc")
    created = record("todo", event_of(doc, "todo.created"))
    return Statement(_answer(doc).add_cte(created))


def count(row: Any, *, subtasks: int, completed: ColumnElement[int], name: str) -> CTE:
    """Correct the counts of a parent, whose row was locked as `row`."""
    return (
        update(todos)
        .where(todos.c.id == row.c.id)
        .values(
            # From the row as locked: PostgreSQL checks constraints before it sees that its own scan
            # found an older one.
            subtask_count=row.c.subtask_count + subtasks,
            completed_subtask_count=row.c.completed_subtask_count + completed,
            version=row.c.version + 1,
            updated_at=later(row),
        )
        .returning(*todos.c)
        .cte(name)
    )


def _create_subtask() -> Statement:
    project = visible_to_principal().subquery("project")
    old_parent = (
        select(todos)
        .join(project, project.c.id == todos.c.project_id)
        .where(
            todos.c.id == bindparam("parent_id", type_=Uuid),
            todos.c.deleted_at.is_(None),
            or_(_project_id.is_(None), todos.c.project_id == _project_id),
            may_edit(project),
            has_room(project.c.id),
        )
        .with_for_update(of=todos, key_share=True)
        .cte("old_parent")
    )
    parent = count(old_parent, subtasks=1, completed=cast(_is_completed, Integer), name="parent")
    place = select(todo_id, parent.c.project_id, parent.c.id, parent.c.depth + 1)
    doc = document(_insert("new", place), "doc")
    before, after = (
        document(old_parent, "parent_before"),
        document(parent, "parent_after"),
    )
    return Statement(
        _answer(doc).add_cte(
            record("todo", event_of(doc, "todo.created"), "creation"),
            record("todo", event_of(after, "todo.updated", before), "parent_change"),
        )
    )


def patch(fields: frozenset[str]) -> Statement:
    """Change these fields, where they differ; the row as it then is comes back."""
    project = visible_to_principal().subquery("project")
    old = (
        select(todos)
        .join(project, project.c.id == todos.c.project_id)
        .where(todos.c.id == todo_id, todos.c.deleted_at.is_(None), may_edit(project))
        .where(is_expected(todos))
        .with_for_update(of=todos, key_share=True)
        .cte("old")
    )
    values: dict[str, ColumnElement[Any]] = {
        column: _sent(column) for column in _WRITABLE if column.split("_")[0] in fields
    }
    for column in sorted(fields & {"title", "description"}):
        values[f"{column}_words"] = _other_words(old, column)
    if "title" in fields and "description" not in fields:
        # Where the texts are not split yet, they wait for being split together.
        values["title_words"] = case(
            (old.c.title_words.is_(None), null()), else_=values["title_words"]
        )
    if "completed" in fields:
        values["completed_at"] = case(
            (_is_completed, func.coalesce(old.c.completed_at, now)), else_=null()
        )
    if not values:
        unchanged = document(old, "unchanged")
        return Statement(_unchanged(unchanged))
    compared = [column for column in values if column not in _DERIVED]
    new = (
        update(todos)
        .where(todos.c.id == old.c.id)
        # Compared with the row as locked: this scan sees it as it was before the wait for the lock.
        .where(
            tuple_(*(old.c[column] for column in compared)).is_distinct_from(
                tuple_(*(values[column] for column in compared))
            )
        )
        .values(**values, version=todos.c.version + 1, updated_at=later(old))
        .returning(*todos.c)
        .cte("new")
    )
    before, after = document(old, "before"), document(new, "after")
    answer = union_all(_answer(after), _unchanged(before).where(~exists(select(after.c.id))))
    if "completed" not in fields:
        return Statement(answer.add_cte(record("todo", event_of(after, "todo.updated", before))))
    was_toggled = old.c.completed_at.is_(None) != new.c.completed_at.is_(None)
    event = case(
        (~was_toggled, "todo.updated"),
        (new.c.completed_at.is_(None), "todo.reopened"),
        else_="todo.completed",
    )
    change = event_of(after, event, before).join(old, old.c.id == after.c.id)
    old_parent = (
        select(todos)
        .join(new, new.c.parent_id == todos.c.id)
        .join(old, old.c.id == new.c.id)
        .where(was_toggled)
        .with_for_update(of=todos, key_share=True)
        .cte("old_parent")
    )
    step = case((_is_completed, 1), else_=-1)
    parent = count(old_parent, subtasks=0, completed=step, name="parent")
    parent_before = document(old_parent, "parent_before")
    parent_after = document(parent, "parent_after")
    parent_change = event_of(parent_after, "todo.updated", parent_before)
    return Statement(
        answer.add_cte(
            record("todo", change.join(new, new.c.id == after.c.id)),
            record("todo", parent_change, "parent_change"),
        )
    )


def _other_words(old: CTE, column: str) -> ColumnElement[Any]:
    """The words of a text; with a blank behind if they are those of the text before.

    A text that changes while its words stay the same has a writer who does not know of them, as
    the version before: the table's trigger forgets them.
    """
    words, before = _sent(f"{column}_words"), old.c[f"{column}_words"]
    return case((before == words, words.concat(literal_column("' '"))), else_=words)


CREATE_IN_INBOX = _create(inbox_of_principal().subquery("project"))
CREATE_IN_PROJECT = _create(visible_to_principal(only=_project_id).subquery("project"))
CREATE_SUBTASK = _create_subtask()
