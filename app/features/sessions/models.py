"""The tables of sessions and of the refresh tokens that prolong them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base


class SignInSession(Base):
    """One sign-in: the family of refresh tokens that came from it, until it ends."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    scope: Mapped[str] = mapped_column(Text)
    # As `networks.network_of` has it, of where it was used last.
    network: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        Index(
            "ix_sessions_ended_at",
            "ended_at",
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
        Index(
            "ix_sessions_created_at",
            "user_id",
            "created_at",
            "id",
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_sessions_network", "user_id", "network", "last_used_at"),
    )


class RefreshToken(Base):
    """A refresh token, of which only the hash is kept; `used_at` is its one use."""

    __tablename__ = "refresh_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (UniqueConstraint("token_hash"),)
