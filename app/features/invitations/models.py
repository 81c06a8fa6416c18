"""The table of invitations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base


class Invitation(Base):
    """An invitation of an e-mail address to a project: only the hash of its token is stored.

    It has ended (`ended_at`) once it was accepted, declined, revoked or replaced by another one.
    """

    __tablename__ = "invitations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # Whoever purges a project need not know of them.
    project_id: Mapped[UUID] = mapped_column(
        ForeignKey("projects.id", ondelete="CASCADE"), index=True
    )
    email: Mapped[str] = mapped_column(Text)
    # As that of an account: all spellings of an address share it.
    email_key: Mapped[str] = mapped_column(Text, index=True)
    role: Mapped[str] = mapped_column(String(16))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    invited_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("role IN ('editor', 'viewer')", name="role"),
        UniqueConstraint("token_hash"),
        Index(
            "uq_invitations_pending",
            "project_id",
            "email_key",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
