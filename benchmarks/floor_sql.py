"""The SQL of the floor: the least that the contract needs of each case."""

# A todo as clients get it, from a row of `todos` that is called `t`.
_BODY = """row_to_json((SELECT f FROM (SELECT
    t.id, t.version, t.project_id, t.parent_id, t.title, t.description,
    t.completed_at IS NOT NULL AS completed,
    to_char(t.completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS completed_at,
    (ARRAY['none', 'low', 'medium', 'high', 'urgent'])[t.priority + 1] AS priority,
    CASE
        WHEN t.due_local IS NULL THEN NULL
        WHEN t.due_all_day THEN json_build_object('date', to_char(t.due_local, 'YYYY-MM-DD'))
        ELSE json_build_object('datetime', to_char(t.due_local, 'YYYY-MM-DD"T"HH24:MI:SS'),
            'timezone', t.due_timezone)
    END AS due,
    CASE WHEN t.recurrence_rrule IS NOT NULL AND t.due_local IS NOT NULL THEN
        json_build_object('rrule', t.recurrence_rrule, 'repeat_from', t.recurrence_from)
    END AS recurrence,
    t.labels, t.position, t.subtask_count, t.completed_subtask_count, t.created_by,
    to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
    to_char(t.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS updated_at,
    to_char(t.deleted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS deleted_at
) AS f))"""

# One more than are given tells whether there is another page.
PAGE = f"""
SELECT {_BODY}::text
FROM project_members AS m
JOIN projects AS p ON p.id = m.project_id AND p.deleted_at IS NULL AND NOT p.archived
CROSS JOIN LATERAL (
    SELECT * FROM todos WHERE project_id = p.id AND deleted_at IS NULL
    ORDER BY created_at DESC, id DESC LIMIT 21
) AS t
WHERE m.user_id = $1
ORDER BY t.created_at DESC, t.id DESC LIMIT 21
"""

LABELLED_PAGE = PAGE.replace(
    "AND deleted_at IS NULL\n", "AND deleted_at IS NULL AND label_keys @> ARRAY['errands']\n"
)

READ = f"""
SELECT {_BODY}::text
FROM todos AS t
JOIN project_members AS m ON m.project_id = t.project_id AND m.user_id = $1
JOIN projects AS p ON p.id = t.project_id AND p.deleted_at IS NULL
WHERE t.id = $2 AND t.deleted_at IS NULL
"""

CREATE = f"""
WITH t AS (
    INSERT INTO todos (id, project_id, depth, created_by, title, title_key, title_words, priority,
        due_local, due_all_day, position, subtask_count, completed_subtask_count, version,
        created_at, updated_at)
    SELECT uuidv7(), id, 1, $1, $2, $3, $3, $4, $5::text::timestamp, true, $6, 0, 0, 1,
        date_trunc('milliseconds', now()), date_trunc('milliseconds', now())
    FROM projects WHERE created_by = $1 AND is_inbox
    RETURNING *
), doc AS (
    SELECT id, project_id, created_at, {_BODY} AS body FROM t
), change AS (
    INSERT INTO changes (resource_type, resource_id, project_id, actor_id, request_id, event,
        changed, row_after, created_at)
    SELECT 'todo', id, project_id, $1, 'floor', 'todo.created', '{{}}', body::jsonb, created_at
    FROM doc
)
SELECT body::text FROM doc
"""

PATCH = f"""
WITH t AS (
    UPDATE todos AS u
    SET title = $3, title_key = $4, title_words = $4, version = u.version + 1,
        updated_at = greatest(date_trunc('milliseconds', now()), u.updated_at)
    FROM project_members AS m JOIN projects AS p ON p.id = m.project_id
    WHERE u.id = $2 AND u.deleted_at IS NULL AND m.project_id = u.project_id AND m.user_id = $1
        AND m.role IN ('owner', 'editor') AND p.deleted_at IS NULL AND NOT p.archived
    RETURNING u.*, old.title AS title_before
), doc AS (
    SELECT id, project_id, title_before, title, updated_at, {_BODY} AS body FROM t
), change AS (
    INSERT INTO changes (resource_type, resource_id, project_id, actor_id, request_id, event,
        changed, row_after, created_at)
    SELECT 'todo', id, project_id, $1, 'floor', 'todo.updated',
        jsonb_build_object('title', jsonb_build_object('from', title_before, 'to', title)),
        body::jsonb, updated_at
    FROM doc
)
SELECT body::text FROM doc
"""

HOLD_LABELS = """
SELECT name FROM labels WHERE owner_id = $1 AND name_key = ANY($2) ORDER BY name_key FOR SHARE
"""

CREATE_LABELLED = f"""
WITH t AS (
    INSERT INTO todos (id, project_id, depth, created_by, title, title_key, title_words, priority,
        labels, label_keys, due_all_day, position, subtask_count, completed_subtask_count, version,
        created_at, updated_at)
    SELECT uuidv7(), id, 1, $1, $2, $3, $3, $4, $5, $6, false, $7, 0, 0, 1,
        date_trunc('milliseconds', now()), date_trunc('milliseconds', now())
    FROM projects WHERE created_by = $1 AND is_inbox
    RETURNING *
), doc AS (
    SELECT id, project_id, created_at, {_BODY} AS body FROM t
), change AS (
    INSERT INTO changes (resource_type, resource_id, project_id, actor_id, request_id, event,
        changed, row_after, created_at)
    SELECT 'todo', id, project_id, $1, 'floor', 'todo.created', '{{}}', body::jsonb, created_at
    FROM doc
)
SELECT body::text FROM doc
"""

LOCK = """
SELECT t.due_local, t.recurrence_rrule, t.position
FROM todos AS t
JOIN project_members AS m ON m.project_id = t.project_id AND m.user_id = $1
JOIN projects AS p ON p.id = t.project_id AND p.deleted_at IS NULL AND NOT p.archived
WHERE t.id = $2 AND t.deleted_at IS NULL AND m.role IN ('owner', 'editor')
FOR NO KEY UPDATE OF t
"""


def _changed(column: str, event: str, kind: str, also: str = "") -> str:
    """Set one column of a locked todo."""
    return f"""
WITH t AS (
    UPDATE todos SET {column} = $3::text::{kind}, version = version + 1,
        updated_at = greatest(date_trunc('milliseconds', now()), updated_at)
    WHERE id = $2
    RETURNING todos.*, old.{column} AS before
), doc AS (
    SELECT id, project_id, before, {column} AS after, version, recurrence_rrule, series_start,
        series_number, updated_at, {_BODY} AS body
    FROM t
){also}, change AS (
    INSERT INTO changes (resource_type, resource_id, project_id, actor_id, request_id, event,
        changed, row_after, created_at)
    SELECT 'todo', id, project_id, $1, 'floor', '{event}',
        jsonb_build_object('{column}', jsonb_build_object('from', before, 'to', after)),
        body::jsonb, updated_at
    FROM doc
)
SELECT body::text FROM doc
"""


COMPLETE = _changed(
    "due_local",
    "todo.completed",
    "timestamp",
    """, completion AS (
    INSERT INTO completions (id, todo_id, todo_version, completed_at, completed_by, is_last,
        due_local, due_all_day, recurrence_rrule, series_start, series_number)
    SELECT uuidv7(), id, version, updated_at, $1, false, before, true, recurrence_rrule,
        series_start, series_number
    FROM doc
)""",
)
MOVE = _changed("position", "todo.moved", "text")
