"""Todos that go to another owner are counted there.

Revises: c57d40a9e1b3
"""

from collections.abc import Sequence

from alembic import op

revision: str = "c58e1b0f7a94"
down_revision: str | None = "c57d40a9e1b3"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# Once a statement, whatever it moves: a row of `todo_counts` that one transaction updates ten
# thousand times takes seconds. Such a trigger cannot be of one column alone; it looks at the few
# rows of every other update for some microseconds.
_COUNT = """
CREATE OR REPLACE FUNCTION count_moved_todos() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner uuid;
    added bigint;
BEGIN
    FOR owner, added IN
        SELECT m.user_id, sum(moved.rows) FROM (
            SELECT project_id, sum(step) AS rows FROM (
                SELECT project_id, 1 AS step FROM new_rows
                UNION ALL SELECT project_id, -1 FROM old_rows
            ) step GROUP BY project_id HAVING sum(step) <> 0
        ) moved
        JOIN project_members m ON m.project_id = moved.project_id AND m.role = 'owner'
        GROUP BY m.user_id HAVING sum(moved.rows) <> 0
    LOOP
        PERFORM add_to_todo_count(owner, added);
    END LOOP;
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE OR REPLACE TRIGGER count_moved_todos AFTER UPDATE ON todos
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION count_moved_todos()
"""


def upgrade() -> None:
    op.execute(_COUNT)
    op.execute(_TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER count_moved_todos ON todos")
    op.execute("DROP FUNCTION count_moved_todos")
