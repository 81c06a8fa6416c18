"""The labels of a todo: their names, and the keys by which they are found.

Revises: a41f7c93d5e8
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "b83e5f0a2c71"
down_revision: str | None = "a41f7c93d5e8"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    # The version before, which knows no labels, makes todos without any.
    for name in ("labels", "label_keys"):
        labels: sa.Column[list[str]] = sa.Column(
            name, postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False
        )
        op.add_column("todos", labels, if_not_exists=True)


def downgrade() -> None:
    for name in ("labels", "label_keys"):
        op.drop_column("todos", name)
