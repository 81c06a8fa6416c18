"""Whether what todos say of their labels is so."""

import asyncpg

from tests.people import Person

# What no label is, or not as it is spelt.
_WRONG = """
SELECT t.id, t.labels FROM todos t
CROSS JOIN LATERAL unnest(t.labels, t.label_keys) AS has (name, key)
JOIN project_members m ON m.project_id = t.project_id AND m.role = 'owner'
LEFT JOIN labels l ON l.owner_id = m.user_id AND l.name_key = has.key
WHERE m.user_id = $1 AND l.name IS DISTINCT FROM has.name
"""


async def wrongly_labelled(database: asyncpg.Connection, owner: Person) -> list[asyncpg.Record]:
    """The todos of somebody's projects whose labels are none of the owner's, or spelt otherwise."""
    rows: list[asyncpg.Record] = await database.fetch(_WRONG, owner.id)
    return rows
