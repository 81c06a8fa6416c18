"""What becomes of the labels of todos that go to another owner: it gets those that it has not."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    CTE,
    Column,
    DateTime,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    null,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array, distinct_on, insert
from sqlalchemy.sql import ColumnElement

from app.core.clock import new_id
from app.database.changes import record
from app.database.repository import Repository
from app.database.statement import AFFECTED_USERS, Statement
from app.features.labels.statements import LABELS, labels

# Todos belong to a feature that knows this one: their table is used by name, as in a foreign key.
_todos = table(
    "todos",
    column("project_id", Uuid),
    column("labels", ARRAY(Text)),
    column("label_keys", ARRAY(Text)),
)


def missing(
    project_ids: ColumnElement[Any], former_id: ColumnElement[Any], owner_id: ColumnElement[Any]
) -> ColumnElement[Any]:
    """The labels on todos of these projects that an account has not, as JSON: key, name, color.

    In the order of their keys; todos in the trash have labels, too.
    """
    used = (
        func.unnest(_todos.c.label_keys, _todos.c.labels)
        .table_valued("key", "name", name="used")
        .render_derived()
    )
    names = (
        select(used.c.key, used.c.name)
        .ext(distinct_on(used.c.key))
        .select_from(_todos.join(used, literal_column("true")))
        .where(_todos.c.project_id == any_(project_ids))
        .order_by(used.c.key)
        .cte("names")
    )
    old, own = labels.alias("old"), labels.alias("own")
    its = (own.c.owner_id == owner_id, own.c.name_key == names.c.key)
    was = (old.c.owner_id == former_id) & (old.c.name_key == names.c.key)
    wanted = (
        select(names.c.key, names.c.name, old.c.color)
        .select_from(names.outerjoin(old, was))
        .where(~exists().where(*its))
        .order_by(names.c.key)
        .subquery("wanted")
    )
    rows = func.coalesce(func.json_agg(wanted.table_valued()), literal_column("'[]'"))
    return cast(select(rows).select_from(wanted).scalar_subquery(), Text)


def making(owner_id: ColumnElement[Any], now: ColumnElement[Any]) -> tuple[CTE, CTE]:
    """Make labels of the parameter `labels`, each with an `id`, and record them.

    One that the owner has by then is left as it is.
    """
    wanted = (
        func.jsonb_to_recordset(bindparam("labels", type_=JSONB))
        .table_valued(
            Column("id", Uuid), Column("key", Text), Column("name", Text), Column("color", Text)
        )
        .render_derived(name="wanted_label", with_types=True)
    )
    values: dict[str, ColumnElement[Any]] = {
        "id": wanted.c.id,
        "owner_id": owner_id,
        "name": wanted.c.name,
        "name_key": wanted.c.key,
        "color": wanted.c.color,
        "version": literal(1),
        "created_at": now,
        "updated_at": now,
    }
    made = (
        insert(labels)
        .from_select([*values], select(*values.values()), include_defaults=False)
        .on_conflict_do_nothing(constraint="uq_labels_owner_id_name_key")
        .returning(*labels.c)
        .cte("made_labels")
    )
    new = LABELS.document(made, "new_labels")
    told = select(
        new.c.id,
        new.c.project_id,
        literal("label.created").label("event"),
        null().label("before"),
        new.c.body.label("after"),
    )
    return made, record(LABELS.name, told, "labels_created")


def with_ids(labels: str) -> str:
    """The parameter `labels` of `making`, of what `missing` found."""
    found = orjson.loads(labels)
    return orjson.dumps([{"id": str(new_id()), **label} for label in found]).decode()


_owner_id: ColumnElement[Any] = bindparam("owner_id", type_=Uuid)
_MISSING = Statement(
    select(
        missing(
            bindparam("project_ids", type_=ARRAY(Uuid)),
            bindparam("former_id", type_=Uuid),
            _owner_id,
        )
    )
)


def _make() -> Statement:
    made, told = making(_owner_id, bindparam("now", type_=DateTime(timezone=True)))
    return Statement(
        select(
            made.c.id,
            cast(null(), Uuid).label("project_id"),
            array([made.c.owner_id]).label(AFFECTED_USERS),
        ).add_cte(told)
    )


_MAKE = _make()


class LabelAdopter(Repository):
    """Gives labels to whoever gets a project with todos that have them."""

    async def adopt(
        self, project_ids: Sequence[UUID], *, former_id: UUID, owner_id: UUID, **by: Any
    ) -> None:
        """Make those that the new owner of these projects has not, however many it has."""
        named = {"former_id": former_id, "owner_id": owner_id}
        found = await self._value(_MISSING, project_ids=project_ids, **named)
        if found != "[]":
            await self._all(_MAKE, labels=with_ids(found), owner_id=owner_id, **by)
