"""Recomputes the instants of zoned dues after the rules of their zone have changed.

They were computed before `tzdata` was updated, or by another version of Tickbox during an upgrade.
No representation contains the instant, so this changes no todo's version.
"""

import asyncio
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.timezones import MAX_RULES, NAMES, instant_of, rules
from app.database.base import table_of
from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.features.todos.models import Todo

_BATCH = 500

todos = table_of(Todo)

_zone = (
    func.unnest(
        bindparam("names", type_=ARRAY(Text)),
        bindparam("rules", type_=ARRAY(BigInteger)),
    )
    .table_valued("name", "rules", name="zone")
    .render_derived()
)
_here = select(todos.c.id).where(todos.c.due_timezone == _zone.c.name)
_OUTDATED = Statement(
    select(_zone.c.name, _zone.c.rules).where(
        or_(
            _here.where(todos.c.due_rules < _zone.c.rules).exists(),
            _here.where(todos.c.due_rules > _zone.c.rules).exists(),
        )
    )
)
_NEXT = Statement(
    select(todos.c.id, todos.c.due_local, todos.c.due_rules)
    .where(
        todos.c.due_timezone == bindparam("name", type_=Text),
        tuple_(todos.c.due_rules, todos.c.id)
        > tuple_(bindparam("last_rules", type_=BigInteger), bindparam("last_id", type_=Uuid)),
        todos.c.due_rules <= bindparam("most", type_=BigInteger),
    )
    .order_by(todos.c.due_rules, todos.c.id)
    .limit(literal_column(str(_BATCH)))
    # A row that is locked gets its instant from that writer, or from the next run.
    .with_for_update(key_share=True, skip_locked=True)
)
_new = (
    func.unnest(bindparam("ids", type_=ARRAY(Uuid)), bindparam("instants", type_=ARRAY(Text)))
    .table_valued("id", "at", name="new")
    .render_derived()
)
_FILL = Statement(
    update(todos)
    .where(todos.c.id == _new.c.id)
    .values(
        due_at=func.coalesce(cast(_new.c.at, DateTime(timezone=True)), todos.c.due_at),
        due_rules=bindparam("rules", type_=BigInteger),
    )
)


async def recompute(database: Database) -> int:
    """Recompute outdated instants in batches; returns how many. Can be stopped and repeated."""
    # In a thread, since it reads a file for each zone.
    known = await asyncio.to_thread(lambda: {name: rules(name) for name in NAMES})
    outdated = await database.primary.fetch_all(
        _OUTDATED, names=list(known), rules=list(known.values())
    )
    count = 0
    for row in outdated:
        for before, most in ((-1, row["rules"] - 1), (row["rules"], MAX_RULES)):
            count += await _recompute(database, row["name"], row["rules"], before, most)
    return count


async def _recompute(database: Database, name: str, new_rules: int, before: int, most: int) -> int:
    """Recompute those of one zone whose `due_rules` is above `before` and at most `most`."""
    count = 0
    # Higher than all ids.
    last_rules, last_id = before, UUID(int=2**128 - 1)
    while True:
        async with database.unit_of_work() as session:
            rows = await session.fetch_all(
                _NEXT, name=name, last_rules=last_rules, last_id=last_id, most=most
            )
            if not rows:
                return count
            await session.fetch_all(
                _FILL,
                ids=[row["id"] for row in rows],
                instants=[_instant(row["due_local"], name) for row in rows],
                rules=new_rules,
            )
        count += len(rows)
        last_rules, last_id = rows[-1]["due_rules"], rows[-1]["id"]


def _instant(clock: datetime, name: str) -> str | None:
    """The instant as text; None if it is now out of range."""
    try:
        return instant_of(clock, name).isoformat()
    except OverflowError:
        return None
