"""Backfills the search words of todos that have none, and so are not found.

They were written before the columns existed, or by an older version during an upgrade.
"""

from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.database.base import table_of
from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.features.todos.models import Todo
from app.features.todos.words import as_column

# Few enough that even the longest are split before the transaction's idle timeout.
_BATCH = 100

todos = table_of(Todo)

_NEXT = Statement(
    select(todos.c.id, todos.c.title, todos.c.description)
    .where(todos.c.title_words.is_(None), todos.c.id > bindparam("last", type_=Uuid))
    .order_by(todos.c.id)
    .limit(literal_column(str(_BATCH)))
    # A row that is locked gets its words from that writer, or from the next run.
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
    """Fill the words in batches; returns how many todos. Can be stopped and repeated."""
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
