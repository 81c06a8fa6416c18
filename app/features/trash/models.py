"""The table of what was purged."""

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base


class PurgedId(Base):
    """The id of something that was purged, which nothing gets again: triggers refuse it."""

    __tablename__ = "purged_ids"

    id: Mapped[UUID] = mapped_column(primary_key=True)
