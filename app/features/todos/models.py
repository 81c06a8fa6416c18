"""The table of todos."""

from datetime import datetime
from typing import Any, Literal, get_args
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
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from app.database.base import Base
from app.features.labels.terms import IS_LABELLED, label_terms

MAX_DEPTH = 5
# In the order in which they sort.
PriorityName = Literal["none", "low", "medium", "high", "urgent"]
PRIORITIES = get_args(PriorityName)
# Titles are sorted by so many characters of `title_key`, so that they fit into a cursor and an
# index entry: a folded title has up to 9,000.
SORTED_TITLE = 200

_THERE = "deleted_at IS NULL"
_OPEN = f"{_THERE} AND completed_at IS NULL"
_ITSELF = text("deletion_id = id")
_WITHOUT_DELETION = text("deleted_at IS NOT NULL AND deletion_id IS NULL")
_TITLE = text(f'"left"(title_key, {SORTED_TITLE})')
_COMPLETED = text("coalesce(completed_at, 'infinity'::timestamptz)")
_DUE = text("coalesce(due_local, 'infinity'::timestamp)")
# How many matches of a search, after the filters, are sorted and counted.
MAX_MATCHES = 1_000


def project_mark(project_id: ColumnElement[Any]) -> ColumnElement[str]:
    """The prefix of all words of a project's todos in the index: the random end of its id.

    Two projects may share one, so a search compares the whole id too.
    """
    return func.right(cast(project_id, Text), literal_column("8"))


# The indexed words of a todo, each behind the mark of its project. A deleted todo has none:
# `num_nulls(deleted_at)` is then 0, and `repeat` gives an empty text. If it were a condition of the
# index, each search would need it too, and it would offer the planner all other indexes that have
# it. The mark comes from the row's own `project_id`, and so follows a move to another project. The
# text is as PostgreSQL prints it, or Alembic would report a difference.
WORDS: ColumnElement[Any] = literal_column(
    "((replace(repeat((' ' || title_words) || COALESCE(' ' || description_words, ''), "
    "num_nulls(deleted_at)), ' ', "
    "' ' || \"right\"(project_id::text, 8)))::tsvector)",
    TSVECTOR,
)


class TodoCount(Base):
    """The number of todos in a user's projects, deleted ones too, as the sum over its slots.

    Triggers maintain it. Concurrent transactions use different slots, so that none waits.
    """

    __tablename__ = "todo_counts"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    count: Mapped[int]


class Todo(Base):
    """A todo. Wall-clock times are stored as written; `due_at` is the instant of a zoned due."""

    __tablename__ = "todos"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    parent_id: Mapped[UUID | None]
    depth: Mapped[int] = mapped_column(SmallInteger)
    # For the foreign key below: a subtask is in its parent's project, exactly one level deeper, so
    # that there are no cycles.
    parent_depth: Mapped[int | None] = mapped_column(
        SmallInteger,
        Computed("CASE WHEN parent_id IS NULL THEN NULL ELSE depth - 1 END", persisted=True),
    )
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(Text)
    title_key: Mapped[str] = mapped_column(Text(collation="C"))
    description: Mapped[str | None] = mapped_column(Text)
    # The words that a search looks for (words.py), joined by spaces. Where `title_words` is null,
    # the texts have not been split yet (search_backfill.py); a trigger sets it to null when an
    # older version changes a text without its words.
    title_words: Mapped[str | None] = mapped_column(Text)
    description_words: Mapped[str | None] = mapped_column(Text)
    # The names as the labels have them, and their keys (`text_key`), both in the order of the keys.
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    label_keys: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    priority: Mapped[int] = mapped_column(SmallInteger)
    due_local: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    due_timezone: Mapped[str | None] = mapped_column(String(64))
    due_all_day: Mapped[bool] = mapped_column(Boolean)
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The zone rules (`timezones.rules`) that `due_at` was computed by; 0: unknown, or no zone.
    due_rules: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # How it repeats. The rule is in capitals; `series_start` is the wall clock that it is counted
    # from, and `series_number` says which occurrence of a COUNT the due is.
    recurrence_rrule: Mapped[str | None] = mapped_column(Text)
    recurrence_from: Mapped[str | None] = mapped_column(String(16))
    series_start: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    series_number: Mapped[int | None]
    position: Mapped[str] = mapped_column(String(collation="C"))
    subtask_count: Mapped[int]
    completed_subtask_count: Mapped[int]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The todo whose deletion took this one along, or itself. Null where an older version deleted it
    # (`features/trash/backfill.py`), and in what is not in the trash.
    deletion_id: Mapped[UUID | None]

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
        # For siblings, and for the foreign key from children to parents.
        Index(
            "uq_todos_position",
            "project_id",
            "parent_id",
            "position",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        # For lists: an index for each sort, which serves both directions (see `sorting`), and one
        # of the open todos alone for the most frequent sorts, since most todos are completed.
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
            # Every search would read the list of pending entries, which are of all users.
            postgresql_with={"fastupdate": "off"},
        ),
        Index(
            "ix_todos_label_terms",
            label_terms(literal_column("project_id"), literal_column("label_keys")),
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
            postgresql_where=text(IS_LABELLED),
        ),
        # For what went with a deletion, what each project has in the trash, and what is there too
        # long.
        Index(
            "ix_todos_deletion_id",
            "deletion_id",
            postgresql_where=text("deletion_id IS NOT NULL"),
        ),
        Index("ix_todos_trash", "project_id", "deleted_at", "id", postgresql_where=_ITSELF),
        Index("ix_todos_trashed_at", "deleted_at", "id", postgresql_where=_ITSELF),
        Index("ix_todos_without_deletion", "id", postgresql_where=_WITHOUT_DELETION),
        # To find instants that were computed by other zone rules (due_rules.py).
        Index(
            "ix_todos_due_rules",
            "due_timezone",
            "due_rules",
            "id",
            postgresql_where=text("due_timezone IS NOT NULL"),
        ),
        Index("ix_todos_unsplit", "id", postgresql_where=text("title_words IS NULL")),
    )
