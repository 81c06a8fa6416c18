"""The tables of projects and their members."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database.base import Base

MAX_DEPTH = 5
# The role of a member.
RoleName = Literal["owner", "editor", "viewer"]
ROLES = OWNER, EDITOR, VIEWER = get_args(RoleName)


class Project(Base):
    """A list of todos; every account has one with `is_inbox`."""

    __tablename__ = "projects"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    parent_id: Mapped[UUID | None]
    depth: Mapped[int] = mapped_column(SmallInteger)
    # For the foreign key below, which makes a child exactly one level deeper than its parent, so
    # that there are no cycles.
    parent_depth: Mapped[int | None] = mapped_column(
        SmallInteger,
        Computed("CASE WHEN parent_id IS NULL THEN NULL ELSE depth - 1 END", persisted=True),
    )
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    color: Mapped[str | None] = mapped_column(String(7))
    is_inbox: Mapped[bool] = mapped_column(Boolean)
    archived: Mapped[bool] = mapped_column(Boolean)
    position: Mapped[str] = mapped_column(String(collation="C"))
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The project whose deletion took this one along, or itself; as `deletion_id` of a todo.
    deletion_id: Mapped[UUID | None]

    __table_args__ = (
        CheckConstraint(f"depth BETWEEN 1 AND {MAX_DEPTH}", name="depth"),
        CheckConstraint("(parent_id IS NULL) = (depth = 1)", name="root_depth"),
        CheckConstraint("NOT (is_inbox AND (archived OR deleted_at IS NOT NULL))", name="inbox"),
        UniqueConstraint("id", "depth"),
        ForeignKeyConstraint(
            ["parent_id", "parent_depth"],
            ["projects.id", "projects.depth"],
            name="fk_projects_parent",
        ),
        Index(
            "ix_projects_parent_id",
            "parent_id",
            postgresql_where=text("parent_id IS NOT NULL"),
        ),
        Index(
            "ix_projects_deletion_id",
            "deletion_id",
            postgresql_where=text("deletion_id IS NOT NULL"),
        ),
        Index(
            "ix_projects_trashed_at",
            "deleted_at",
            "id",
            postgresql_where=text("deletion_id = id"),
        ),
        Index(
            "ix_projects_without_deletion",
            "id",
            postgresql_where=text("deleted_at IS NOT NULL AND deletion_id IS NULL"),
        ),
        Index(
            "uq_projects_inbox",
            "created_by",
            unique=True,
            postgresql_where=text("is_inbox"),
        ),
    )


class ProjectMember(Base):
    """Who may see a project, and in which role; the owner has a row too."""

    __tablename__ = "project_members"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    # The member's own place of a project at the top level; null: that of the project.
    position: Mapped[str | None] = mapped_column(String(collation="C"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint(f"role IN {ROLES}", name="role"),
        Index(
            "uq_project_members_owner",
            "project_id",
            unique=True,
            postgresql_where=text(f"role = '{OWNER}'"),
        ),
        Index("ix_project_members_project_id", "project_id"),
    )
