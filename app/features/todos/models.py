"""The table of todos."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    cast,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from app.database.base import Base

MAX_DEPTH = 5
# In the order in which they sort.
PRIORITIES = ("none", "low", "medium", "high", "urgent")
# Characters of a `title_key` that titles are sorted by, so that these fit into a cursor and into an
# index's entry, whatever their script: folded, a title has up to 9,000.
SORTED_TITLE = 200

_THERE = "deleted_at IS NULL"
_OPEN = f"{_THERE} AND completed_at IS NULL"
_TITLE = text(f'"left"(title_key, {SORTED_TITLE})')
_COMPLETED = text("coalesce(completed_at, 'infinity'::timestamptz)")
_DUE = text("coalesce(due_local, 'infinity'::timestamp)")
# How many of the todos that a search finds, and that pass the filters, are put in order.
MAX_MATCHES = 1_000


def project_mark(project_id: ColumnElement[Any]) -> ColumnElement[str]:
    """What stands before each word of a project's todos in the index: its id's random end.

    Two projects may share it; whoever searches compares the whole id too.
    """
    return func.right(cast(project_id, Text), literal_column("8"))


# A todo's words, each behind the mark of its project, as they are indexed; none if it is deleted,
# since `repeat` then has 0 for its count. That is no condition of the index, as it would have to be
# one of each search too, and would offer the planner all other indexes that have it. They are made
# from the row's `project_id`, and so go with it to another project. Written as PostgreSQL does, or
# Alembic would see a difference.
WORDS: ColumnElement[Any] = literal_column(
    "((replace(repeat((' ' || title_words) || COALESCE(' ' || description_words, ''), "
    "num_nulls(deleted_at)), ' ', "
    "' ' || \"right\"(project_id::text, 8)))::tsvector)",
    TSVECTOR,
)


class TodoCount(Base):
    """How many todos are in somebody's projects, deleted ones too: the sum over the slots.

    Triggers keep it. Whoever adds to it takes a slot that nobody holds, or makes one.
    """

    __tablename__ = "todo_counts"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    count: Mapped[int]


class Todo(Base):
    """A todo. Wall-clock times are kept as written; `due_at` is the instant of a zoned one."""

    __tablename__ = "todos"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    parent_id: Mapped[UUID | None]
    depth: Mapped[int] = mapped_column(SmallInteger)
    # With the key below it makes the database hold that a subtask is in its parent's project, one
    # level below it, and at most five deep; levels that always grow leave no room for a cycle.
    parent_depth: Mapped[int | None] = mapped_column(
        SmallInteger,
        Computed("CASE WHEN parent_id IS NULL THEN NULL ELSE depth - 1 END", persisted=True),
    )
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(Text)
    title_key: Mapped[str] = mapped_column(Text(collation="C"))
    description: Mapped[str | None] = mapped_column(Text)
    # What a search goes by (words.py), with blanks between. Without a title's words the texts are
    # not split yet (search_backfill.py): a trigger leaves so what a writer changes who knows none.
    title_words: Mapped[str | None] = mapped_column(Text)
    description_words: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(SmallInteger)
    due_local: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    due_timezone: Mapped[str | None] = mapped_column(String(64))
    due_all_day: Mapped[bool] = mapped_column(Boolean)
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # By which rules of the zone: `timezones.rules`, or 0 if that is not known, or there is none.
    due_rules: Mapped[int] = mapped_column(BigInteger, server_default="0")
    position: Mapped[str] = mapped_column(String(collation="C"))
    subtask_count: Mapped[int]
    completed_subtask_count: Mapped[int]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint(f"depth BETWEEN 1 AND {MAX_DEPTH}", name="depth"),
        CheckConstraint("(parent_id IS NULL) = (depth = 1)", name="root_depth"),
        CheckConstraint("priority BETWEEN 0 AND 4", name="priority"),
        CheckConstraint(
            "completed_subtask_count BETWEEN 0 AND subtask_count", name="subtask_count"
        ),
        UniqueConstraint("project_id", "id", "depth"),
        ForeignKeyConstraint(
            ["project_id", "parent_id", "parent_depth"],
            ["todos.project_id", "todos.id", "todos.depth"],
            name="fk_todos_parent",
        ),
        # Siblings, also for the keys from children to parents.
        Index(
            "uq_todos_position",
            "project_id",
            "parent_id",
            "position",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        # Lists: one index a sort, which serves both of its directions (see `sorting`), and one of
        # the open todos alone for what is asked most, since most todos are done.
        *(
            Index(name, "project_id", *keys, postgresql_where=text(condition))
            for name, keys, condition in (
                ("ix_todos_created_at", ("created_at", "id"), _THERE),
                ("ix_todos_updated_at", ("updated_at", "id"), _THERE),
                ("ix_todos_completed_at", (_COMPLETED, "id"), _THERE),
                ("ix_todos_due", (_DUE, "id"), _THERE),
                ("ix_todos_priority", ("priority", "id"), _THERE),
                ("ix_todos_title_key", (_TITLE, "id"), _THERE),
                ("ix_todos_position", ("position", "id"), _THERE),
                ("ix_todos_open_created_at", ("created_at", "id"), _OPEN),
                ("ix_todos_open_due", (_DUE, "id"), _OPEN),
                ("ix_todos_open_priority", ("priority", "id"), _OPEN),
                ("ix_todos_open_position", ("position", "id"), _OPEN),
            )
        ),
        Index(
            "ix_todos_words",
            WORDS,
            postgresql_using="gin",
            # A list of what waits to be indexed would be read by every search, whosever it is.
            postgresql_with={"fastupdate": "off"},
        ),
        # Those whose instants are by other rules than a process has (due_rules.py).
        Index(
            "ix_todos_due_rules",
            "due_timezone",
            "due_rules",
            "id",
            postgresql_where=text("due_timezone IS NOT NULL"),
        ),
        Index("ix_todos_unsplit", "id", postgresql_where=text("title_words IS NULL")),
    )
