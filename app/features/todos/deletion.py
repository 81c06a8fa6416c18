"""Deleting a todo: it and all below it are marked, in one statement that leaves the changes."""

from sqlalchemy import Text, case, cast, exists, func, select, update

from app.database.changes import record
from app.database.json_rows import written
from app.database.statement import Statement
from app.database.versions import is_expected
from app.features.projects.permissions import audience_of, may_edit, visible_to_principal
from app.features.todos.representation import document
from app.features.todos.writes import count, event_of, later, now, todo_id, todos


def _delete() -> Statement:
    """Mark a todo and all below it as deleted."""
    project = visible_to_principal().subquery("project")
    root = (
        select(todos.c.id, todos.c.project_id)
        .join(project, project.c.id == todos.c.project_id)
        .where(todos.c.id == todo_id, todos.c.deleted_at.is_(None), may_edit(project))
    )
    tree = root.cte("tree", recursive=True)
    tree = tree.union_all(
        select(todos.c.id, todos.c.project_id).join(
            tree,
            (todos.c.project_id == tree.c.project_id) & (todos.c.parent_id == tree.c.id),
        )
    )
    old = (
        select(todos)
        .where(todos.c.id.in_(select(tree.c.id)), todos.c.deleted_at.is_(None))
        .order_by(todos.c.depth.desc(), todos.c.id)
        .with_for_update(of=todos, key_share=True)
        .cte("old")
    )
    before = document(old, "before")
    target = before.alias("target")
    gone = (
        update(todos)
        .where(todos.c.id == before.c.id)
        .where(exists(select(target.c.id).where(target.c.id == todo_id, is_expected(target))))
        .values(deleted_at=now, version=todos.c.version + 1, updated_at=later(todos))
        .returning(*todos.c, before.c.body.label("before"))
        .cte("gone")
    )
    old_parent = (
        select(todos)
        .join(gone, gone.c.parent_id == todos.c.id)
        .where(gone.c.id == todo_id)
        .with_for_update(of=todos, key_share=True)
        .cte("old_parent")
    )
    was_completed = select(case((gone.c.completed_at.is_(None), 0), else_=-1)).where(
        gone.c.id == todo_id
    )
    parent = count(
        old_parent,
        subtasks=-1,
        completed=was_completed.scalar_subquery(),
        name="parent",
    )
    after = document(gone, "after", "before")
    parent_before = document(old_parent, "parent_before")
    parent_after = document(parent, "parent_after")
    return Statement(
        written(after, audience_of(after.c.project_id))
        .where(after.c.id == todo_id)
        .add_cte(
            record("todo", event_of(after, "todo.trashed")),
            record(
                "todo",
                event_of(parent_after, "todo.updated", parent_before),
                "parent_change",
            ),
        )
    )


DELETE = _delete()

_visible = visible_to_principal().subquery("visible")
LOCK_PROJECT = Statement(
    select(func.pg_advisory_xact_lock(func.hashtextextended(cast(todos.c.project_id, Text), 0)))
    # Whoever cannot see it cannot make others wait for it, or learn that they do.
    .join(_visible, _visible.c.id == todos.c.project_id)
    .where(todos.c.id == todo_id)
)
