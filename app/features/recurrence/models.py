"""The table of completions: which occurrences of repeating todos were completed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, DateTime, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base


class Completion(Base):
    """A completed occurrence. A row never changes; taking it back deletes it."""

    __tablename__ = "completions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # Of the todo after it. The change of that version in `changes` is this completion's.
    todo_id: Mapped[UUID] = mapped_column(ForeignKey("todos.id", ondelete="CASCADE"))
    todo_version: Mapped[int]
    completed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    completed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    # Whether the todo was completed by it, and had no next occurrence.
    is_last: Mapped[bool] = mapped_column(Boolean)
    # The occurrence.
    due_local: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    due_timezone: Mapped[str | None] = mapped_column(String(64))
    due_all_day: Mapped[bool] = mapped_column(Boolean)
    # Where in its series the todo was before: what taking it back restores.
    recurrence_rrule: Mapped[str] = mapped_column(Text)
    series_start: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    series_number: Mapped[int]

    __table_args__ = (UniqueConstraint("todo_id", "todo_version"),)
