"""Invitations, when an address was verified, and kept answers that it is enough to see.

Revises: d16b10ac7e52
"""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "d16b3f0c52e7"
down_revision: str | None = "d16b10ac7e52"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    verified = sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True)
    op.add_column("users", verified, if_not_exists=True)
    seen: sa.Column[list[UUID]] = sa.Column(
        "seen_project_ids", postgresql.ARRAY(sa.Uuid()), nullable=True
    )
    op.add_column("idempotency_keys", seen, if_not_exists=True)
    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('editor', 'viewer')", name=op.f("ck_invitations_role")),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_invitations_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["users.id"], name=op.f("fk_invitations_invited_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
        if_not_exists=True,
    )
    op.create_index(
        "uq_invitations_pending",
        "invitations",
        ["project_id", "email_key"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
        if_not_exists=True,
    )
    op.create_index("ix_invitations_project_id", "invitations", ["project_id"], if_not_exists=True)
    op.create_index("ix_invitations_email_key", "invitations", ["email_key"], if_not_exists=True)
    op.create_index("ix_invitations_invited_by", "invitations", ["invited_by"], if_not_exists=True)
    op.create_index("ix_invitations_expires_at", "invitations", ["expires_at"], if_not_exists=True)


def downgrade() -> None:
    op.drop_table("invitations")
    op.drop_column("idempotency_keys", "seen_project_ids")
    op.drop_column("users", "email_verified_at")
