"""Each member orders the top level itself.

Where a member has no position, it is that of the project: code that does not know the column writes
nothing there, and what it reads is as before. It is apart from the trigger of the todos: no
transaction locks both tables, which writes lock in another order.

Revises: c5d8e2a90b74
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "c57d40a9e1b3"
down_revision: str | None = "c5d8e2a90b74"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    column = sa.Column("position", sa.String(collation="C"), nullable=True)
    op.add_column("project_members", column, if_not_exists=True)


def downgrade() -> None:
    op.drop_column("project_members", "position")
