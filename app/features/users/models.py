"""The table of accounts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base

WEEK_DAYS = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)


class User(Base):
    """An account. `email` is as it was typed; `email_key` is its folded form, which is unique."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    email_key: Mapped[str] = mapped_column(Text)
    # When somebody proved that the address is theirs; nothing sets it yet.
    email_verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    password_hash: Mapped[str] = mapped_column(Text)
    display_name: Mapped[str | None] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(String(64))
    locale: Mapped[str] = mapped_column(String(35))
    week_start: Mapped[str] = mapped_column(String(9))
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    # Deletion empties the row: it stays only because other rows refer to it.
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # When a sweep cleaned up after the deletion once more.
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        UniqueConstraint("email_key"),
        CheckConstraint(f"week_start IN {WEEK_DAYS}", name="week_start"),
        Index(
            "ix_users_unsettled",
            "id",
            postgresql_where=text("deleted_at IS NOT NULL AND settled_at IS NULL"),
        ),
    )
