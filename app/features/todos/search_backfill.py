"""Gives search words to the todos that have none yet, and so are not found.

They are of before there were words, or the version before has written them while both ran.
"""

from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.database.base import table_of
from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.features.todos.models import Todo
from app.features.todos.words import as_column

# Few enough that the longest are split within the time that a transaction may be idle.
_BATCH = 100

todos = table_of(Todo)

_NEXT = Statement(
    select(todos.c.id, todos.c.title, todos.c.description)
    .where(todos.c.title_words.is_(None), todos.c.id > bindparam("last", type_=Uuid))
    .order_by(todos.c.id)
    .limit(literal_column(str(_BATCH)))
    # What somebody else has locked is left to them, or to the next time.
    .with_for_update(key_share=True, skip_locked=True)
)
_split = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Uuid)),
        bindparam("titles", type_=ARRAY(Text)),
        bindparam("descriptions", type_=ARRAY(Text)),
    )
    .table_valued("id", "title_words", "description_words", name="split")
    .render_derived()
)
_FILL = Statement(
    update(todos)
    .where(todos.c.id == _split.c.id)
    .values(title_words=_split.c.title_words, description_words=_split.c.description_words)
)


async def backfill_search_words(database: Database) -> int:
    """Give them their words, some at a time; how many there were. Can be stopped and repeated."""
    count = 0
    last = UUID(int=0)
    while True:
        async with database.unit_of_work() as session:
            rows = await session.fetch_all(_NEXT, last=last)
            if not rows:
                return count
            await session.fetch_all(
                _FILL,
                ids=[row["id"] for row in rows],
                titles=[await as_column(row["title"]) for row in rows],
                descriptions=[
                    None if row["description"] is None else await as_column(row["description"])
                    for row in rows
                ],
            )
        count += len(rows)
        last = rows[-1]["id"]
