"""The statements that write todos; the service says which of them make up a write.

Rows are locked from the leaves to the root, so that writes do not deadlock (the repository's
`lock_open_tree` names the one that may). A write that adds a subtask or deletes a todo first takes
its project's lock (`LOCK_PROJECT`), so that no subtask is added below a todo that is being deleted.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    Boolean,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement

from app.database.base import table_of
from app.database.row_changes import Columns, Resource
from app.database.statement import Statement
from app.features.due.callers_zone import callers_zone
from app.features.labels.holding import holding
from app.features.labels.terms import has_labels
from app.features.projects.permissions import (
    affected_users_of,
    inbox_of_principal,
    may_edit,
    owned_by,
    visible_to_principal,
)
from app.features.recurrence.repetition import COLUMNS as REPETITION
from app.features.recurrence.statements import taken_back
from app.features.todos.models import Todo
from app.features.todos.sql.permissions import project_of_todo, visible_todo
from app.features.todos.sql.quota import has_room
from app.features.todos.sql.representation import representation

todos = table_of(Todo)

TODOS = Resource(
    "todo",
    todos,
    representation,
    project_id=lambda row: row.c.project_id,
    affected_users=lambda document: affected_users_of(document.c.project_id),
)

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_owner_id: ColumnElement[Any] = bindparam("owner_id", type_=Uuid)
_label_keys: ColumnElement[Any] = bindparam("label_keys", type_=ARRAY(Text))
# Of a parent, what its subtasks' place and its own counts are made from.
_COUNTED = (
    todos.c.id,
    todos.c.project_id,
    todos.c.depth,
    todos.c.completed_at,
    todos.c.subtask_count,
    todos.c.completed_subtask_count,
)


def _create(project: Select[Any]) -> Statement:
    room = has_room(project.selected_columns["id"]).label("has_room")
    place = project.add_columns(room).cte("place")
    return TODOS.insert(
        place,
        may_edit(place) & place.c.has_room,
        "role",
        "archived",
        project_id=place.c.id,
    )


def project_lock(project_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """The lock of a project, which all take that add subtasks there, delete or move todos."""
    return func.pg_advisory_xact_lock(func.hashtextextended(cast(project_id, Text), 0))


def _tree(*columns: Any, only_open: bool = False) -> Select[Any]:
    """Lock a todo and, if it may be edited, those below it; the todo is the last row.

    With `only_open`, it is all of them (`is_whole`) if the todo repeats or the parameter `whole`
    says so.
    """
    is_whole: ColumnElement[bool] = true()
    if only_open:
        is_whole = bindparam("whole", type_=Boolean) | todos.c.recurrence_rrule.is_not(None)
    tree = visible_todo.with_only_columns(
        todos.c.id,
        todos.c.project_id,
        project_of_todo.c.role,
        project_of_todo.c.archived,
        is_whole.label("is_whole"),
    ).cte("tree", recursive=True)
    below = (
        select(todos.c.id, todos.c.project_id, tree.c.role, tree.c.archived, tree.c.is_whole)
        .join(tree, (todos.c.project_id == tree.c.project_id) & (todos.c.parent_id == tree.c.id))
        .where(may_edit(tree))
    )
    is_open = todos.c.completed_at.is_(None)
    tree = tree.union_all(below.where(is_open | tree.c.is_whole) if only_open else below)
    # Only here it is asked again after waiting for a lock. In another project the role may differ.
    is_wanted = todos.c.deleted_at.is_(None) & (todos.c.project_id == tree.c.project_id)
    if only_open:
        is_wanted &= is_open | tree.c.is_whole | (todos.c.id == _id)
    return (
        select(*columns, tree.c.role, tree.c.archived, tree.c.is_whole)
        .join(tree, tree.c.id == todos.c.id)
        .where(is_wanted)
        .order_by(todos.c.depth.desc(), todos.c.id)
        .with_for_update(of=todos, key_share=True)
    )


def _lock_above() -> Statement:
    """Lock all todos above one that this transaction has locked, the nearest first.

    Also those above an open one, which stay as they are: which are open may change while it waits.
    """
    first = select(todos.c.project_id, todos.c.parent_id).where(todos.c.id == _id)
    above = first.cte("above", recursive=True)
    above = above.union_all(
        select(todos.c.project_id, todos.c.parent_id).join(
            above, (todos.c.project_id == above.c.project_id) & (todos.c.id == above.c.parent_id)
        )
    )
    return Statement(
        select(*_COUNTED, todos.c.parent_id)
        .join(above, (todos.c.project_id == above.c.project_id) & (todos.c.id == above.c.parent_id))
        .where(todos.c.deleted_at.is_(None))
        .order_by(todos.c.depth.desc())
        .with_for_update(of=todos, key_share=True)
    )


def _mark_changed_words(columns: Columns) -> Columns:
    """Append a space to words that stay the same although their text changes.

    If a text changes and its words do not change at all, the table's trigger takes the writer for
    an older version, which does not know the columns, and sets them to null. Where they are null,
    they stay so until `backfill_search_words` splits both texts.
    """

    def marked(name: str) -> ColumnElement[Any]:
        before, words = todos.c[name], columns[name]
        return case(
            (todos.c.title_words.is_(None), null()),
            (before == words, words.concat(literal_column("' '"))),
            else_=words,
        )

    return columns | {name: marked(name) for name in ("title_words", "description_words")}


def without_end(new: CTE) -> CTE:
    """Take the last completion back of what has not ended: it is open again, or lost its rule."""
    has_ended = new.c.completed_at.is_not(None) & new.c.recurrence_rrule.is_not(None)
    return taken_back(select(new.c.id).where(~has_ended))


def _labelled() -> Statement:
    """All todos that have a label, in the trash too, in the order in which todos are locked."""
    project = owned_by(_owner_id).subquery("project")
    here = has_labels(todos, project.c.project_id, _label_keys, all_of=True)
    found = (
        select(todos.c.id, todos.c.depth, func.octet_length(todos.c.description).label("size"))
        .where(*here)
        .lateral("found")
    )
    return Statement(
        select(found.c.id, func.coalesce(found.c.size, 0).label("size"))
        .join_from(project, found, true())
        .order_by(found.c.depth.desc(), found.c.id)
    )


CREATE_IN_INBOX = _create(inbox_of_principal())
CREATE_IN_PROJECT = _create(visible_to_principal(only=bindparam("project_id", type_=Uuid)))
# Those that a write puts on a todo, or on one that it makes.
HOLD_IN_INBOX = holding(inbox_of_principal())
HOLD_IN_PROJECT = holding(visible_to_principal(only=bindparam("project_id", type_=Uuid)))
HOLD_OF_TODO = holding(
    visible_todo.with_only_columns(
        project_of_todo.c.id, project_of_todo.c.role, project_of_todo.c.archived
    )
)
LOCK = TODOS.lock(visible_todo, "role", "archived", "parent_id", "completed_at", *REPETITION)
# With all open ones below it, or simply all.
LOCK_OPEN_TREE = TODOS.lock(
    _tree(todos, callers_zone.label("callers_zone"), only_open=True),
    "role",
    "archived",
    "parent_id",
    "depth",
    "subtask_count",
    "completed_subtask_count",
    "completed_at",
    "is_whole",
    "callers_zone",
    *REPETITION,
    described=_id,
)
# Without the parent's texts, which are not needed.
LOCK_PARENT = Statement(
    visible_todo.with_only_columns(*_COUNTED).with_for_update(of=todos, key_share=True)
)
LOCK_ABOVE = _lock_above()
LOCK_TREE = Statement(
    _tree(todos.c.id, todos.c.project_id, todos.c.version, todos.c.parent_id, todos.c.completed_at)
)
# All rows are of one project, so that the same users see them.
UPDATE = TODOS.update(
    _mark_changed_words, answered=bindparam("answered", type_=Uuid), also=without_end
)
LABELLED = _labelled()
LOCK_LABELLED = Statement(
    select(todos.c.id, todos.c.project_id, todos.c.labels, todos.c.label_keys)
    .where(
        todos.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))),
        # Once more: it may have lost the label meanwhile, or be in somebody else's project. As an
        # array, since a join would miss what went to another project of the same owner.
        todos.c.label_keys.bool_op("@>")(_label_keys),
        todos.c.project_id == any_(func.array(owned_by(_owner_id).scalar_subquery())),
    )
    .order_by(todos.c.depth.desc(), todos.c.id)
    .with_for_update(key_share=True)
)
# Of several projects: one of each is answered, and says who sees it.
UPDATE_LABELLED = TODOS.update(answered=any_(bindparam("answered", type_=ARRAY(Uuid))))
LOCK_PROJECT = Statement(
    # Only for a visible todo: nobody else can make its users wait, or notice that they do.
    visible_todo.with_only_columns(todos.c.project_id, project_lock(todos.c.project_id))
)
