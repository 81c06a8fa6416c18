"""The table of comments."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base


class Comment(Base):
    """A comment on a todo, which says whose project it is in.

    A deleted one stays as a row, so that its id is never taken again. What erases a row, a trigger
    follows: what `changes` quotes of it goes too.
    """

    __tablename__ = "comments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    todo_id: Mapped[UUID] = mapped_column(ForeignKey("todos.id", ondelete="CASCADE"), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        # For lists; the one of `todo_id` alone is for what erases a todo.
        Index(
            "ix_comments_created_at",
            "todo_id",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
