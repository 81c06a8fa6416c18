"""Labels, and the index of the todos that have them.

Revises: b83e5f0a2c71
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.concurrent_indexes import concurrently, create_index

revision: str = "c95d1e7b4a86"
down_revision: str | None = "b83e5f0a2c71"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# What joins an array to another text is not immutable, so that no index may have it.
_TERMS = """
CREATE OR REPLACE FUNCTION label_terms(project_id uuid, keys text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT array_agg("right"(project_id::text, 8) || key) FROM unnest(keys) AS key)
"""


def upgrade() -> None:
    # They are kept although what follows may fail, and be tried again.
    op.create_table(
        "labels",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), nullable=True),
        sa.Column("color", sa.String(length=7), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_labels_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labels")),
        sa.UniqueConstraint("owner_id", "name_key", name=op.f("uq_labels_owner_id_name_key")),
        if_not_exists=True,
    )
    op.execute(_TERMS)
    with concurrently():
        create_index(
            "ix_todos_label_terms",
            "todos",
            [sa.literal_column("label_terms(project_id, label_keys)")],
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
            postgresql_where=sa.text("label_keys <> '{}'"),
        )


def downgrade() -> None:
    op.drop_index("ix_todos_label_terms", "todos")
    op.execute("DROP FUNCTION label_terms")
    op.drop_table("labels")
