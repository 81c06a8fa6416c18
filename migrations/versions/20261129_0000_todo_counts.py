"""How many todos are in each user's projects.

Revises: 2d7f91c4e5b8
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.concurrent_indexes import concurrently

revision: str = "7e3a58d1f042"
down_revision: str | None = "2d7f91c4e5b8"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# A slot that another transaction holds is passed over, so that nobody waits for a count.
_ADD = """
CREATE OR REPLACE FUNCTION add_to_todo_count(owner uuid, added bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE todo_counts SET count = count + added WHERE owner_id = owner AND slot = (
        SELECT slot FROM todo_counts WHERE owner_id = owner AND slot > 0
        LIMIT 1 FOR UPDATE SKIP LOCKED
    );
    IF NOT FOUND THEN
        INSERT INTO todo_counts (owner_id, count) VALUES (owner, added);
    END IF;
END $$
"""
_COUNT = """
CREATE OR REPLACE FUNCTION count_todos() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner uuid;
    added bigint;
BEGIN
    FOR owner, added IN
        SELECT m.user_id, count(*) FROM touched t
        JOIN project_members m ON m.project_id = t.project_id AND m.role = 'owner'
        GROUP BY m.user_id
    LOOP
        PERFORM add_to_todo_count(owner, CASE TG_OP WHEN 'INSERT' THEN added ELSE -added END);
    END LOOP;
    RETURN NULL;
END $$
"""
_MOVE = """
CREATE OR REPLACE FUNCTION count_todos_of_owner() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved bigint := (SELECT count(*) FROM todos WHERE project_id = OLD.project_id);
BEGIN
    IF moved > 0 AND OLD.role = 'owner' THEN
        PERFORM add_to_todo_count(OLD.user_id, -moved);
    END IF;
    IF moved > 0 AND TG_OP = 'UPDATE' AND NEW.role = 'owner' THEN
        PERFORM add_to_todo_count(NEW.user_id, moved);
    END IF;
    RETURN NULL;
END $$
"""
# Nothing more is counted for an account whose end has been looked after.
_FORGET = """
CREATE OR REPLACE FUNCTION forget_todo_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM todo_counts WHERE owner_id = NEW.id;
    RETURN NULL;
END $$
"""
_TRIGGERS = (
    (
        "count_new_todos AFTER INSERT ON todos REFERENCING NEW TABLE AS touched "
        "FOR EACH STATEMENT EXECUTE FUNCTION count_todos()"
    ),
    (
        "count_erased_todos AFTER DELETE ON todos REFERENCING OLD TABLE AS touched "
        "FOR EACH STATEMENT EXECUTE FUNCTION count_todos()"
    ),
    (
        "count_todos_handed_over AFTER UPDATE OF role ON project_members FOR EACH ROW "
        "WHEN (OLD.role IS DISTINCT FROM NEW.role) EXECUTE FUNCTION count_todos_of_owner()"
    ),
    (
        "count_todos_left AFTER DELETE ON project_members FOR EACH ROW "
        "WHEN (OLD.role = 'owner') EXECUTE FUNCTION count_todos_of_owner()"
    ),
    (
        "forget_todo_count AFTER UPDATE OF settled_at ON users "
        "FOR EACH ROW EXECUTE FUNCTION forget_todo_count()"
    ),
)
# A row and its count are of one transaction: what a statement sees of the rows, less what it sees
# of the counts, are the rows of before, whoever writes meanwhile. They are slot 0, which nobody
# adds to, so that this may be done again.
_BEFORE = sa.text("""
WITH batch AS MATERIALIZED (
    SELECT id FROM users WHERE id > :after ORDER BY id LIMIT 1000
), held AS (
    SELECT m.user_id, count(*) AS todos FROM batch
    JOIN project_members m ON m.user_id = batch.id AND m.role = 'owner'
    JOIN todos t ON t.project_id = m.project_id
    GROUP BY m.user_id
), counted AS (
    INSERT INTO todo_counts (owner_id, slot, count)
    SELECT user_id, 0, todos - coalesce(
        (SELECT sum(count) FROM todo_counts WHERE owner_id = user_id AND slot > 0), 0
    ) FROM held
    ON CONFLICT (owner_id, slot) DO UPDATE SET count = excluded.count
)
SELECT id FROM batch ORDER BY id DESC LIMIT 1
""")


def upgrade() -> None:
    op.create_table(
        "todo_counts",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("slot", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "slot", name=op.f("pk_todo_counts")),
        if_not_exists=True,
    )
    for function in (_ADD, _COUNT, _MOVE, _FORGET):
        op.execute(function)
    for trigger in _TRIGGERS:
        op.execute(f"CREATE OR REPLACE TRIGGER {trigger}")
    # From here on each row is counted, also those of the version before.
    with concurrently():
        after = "00000000-0000-0000-0000-000000000000"
        while after is not None:
            after = op.get_bind().scalar(_BEFORE, {"after": after})


def downgrade() -> None:
    for trigger in _TRIGGERS:
        name, _, table = trigger.partition(" ")
        table = table.split(" ON ")[1].split()[0]
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for function in (
        "forget_todo_count",
        "count_todos_of_owner",
        "count_todos",
        "add_to_todo_count",
    ):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("todo_counts")
