"""Holds the labels that a write is about to put on todos, for the features that have them.

Whoever renames or deletes a label waits until that write is kept, and so finds its todos.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    func,
    literal,
    null,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, array, insert
from sqlalchemy.sql import ColumnElement

from app.core.clock import new_id
from app.core.errors import LocksContended, QuotaExceeded
from app.database.changes import record
from app.database.repository import Repository
from app.database.statement import AFFECTED_USERS, Statement
from app.features.labels.statements import LABELS, held_by, labels
from app.features.projects.permissions import may_edit, owner_of, require_editable

# So often others can make the same label at the same moment, and take it away again.
_ATTEMPTS = 5

_keys: ColumnElement[Any] = bindparam("keys", type_=ARRAY(Text))


def holding(place: Select[Any]) -> Statement:
    """Hold labels of the owner of a project, after making those that are missing.

    `place` is that project, one row or none of `id`, `role` and `archived`. The answer has a row
    for each of the parameter `keys`. One without a name was made by somebody else meanwhile, or the
    owner has no room for it, or the project may not be edited.
    """
    owner = owner_of(place.selected_columns["id"]).label("owner_id")
    project = place.add_columns(owner).cte("place")
    wanted = (
        func.unnest(
            _keys,
            bindparam("names", type_=ARRAY(Text)),
            bindparam("ids", type_=ARRAY(Uuid)),
        )
        .table_valued("key", "name", "id", name="wanted")
        .render_derived()
    )
    # After waiting for a rename or a deletion, PostgreSQL asks again whether it has the key.
    held = (
        select(labels.c.name_key, labels.c.name)
        .join(project, labels.c.owner_id == project.c.owner_id)
        .where(labels.c.name_key == any_(_keys), may_edit(project))
        .order_by(labels.c.name_key)
        .with_for_update(read=True, of=labels)
        .cte("held")
    )
    missing = (
        select(wanted.c.key, wanted.c.name, wanted.c.id, project.c.owner_id)
        .join_from(wanted, project, may_edit(project))
        .where(wanted.c.key.not_in(select(held.c.name_key)))
        .order_by(wanted.c.key)
        .cte("missing")
    )
    number = select(func.count()).select_from(missing).scalar_subquery()
    quota: ColumnElement[Any] = bindparam("quota", type_=Integer)
    fits = held_by(project.c.owner_id) + number <= quota
    is_within = case((number == 0, true()), else_=fits).label("has_room")
    room = select(is_within).select_from(project).cte("room")
    now: ColumnElement[Any] = bindparam("now", type_=labels.c.created_at.type)
    values: dict[str, ColumnElement[Any]] = {
        "id": missing.c.id,
        "owner_id": missing.c.owner_id,
        "name": missing.c.name,
        "name_key": missing.c.key,
        "color": null(),
        "version": literal(1),
        "created_at": now,
        "updated_at": now,
    }
    source = select(*values.values()).join_from(missing, room, room.c.has_room)
    made = (
        insert(labels)
        .from_select([*values], source.order_by(missing.c.key), include_defaults=False)
        .on_conflict_do_nothing(constraint="uq_labels_owner_id_name_key")
        .returning(*labels.c)
        .cte("made")
    )
    new = LABELS.document(made, "new", "name_key", "name")
    change = select(
        new.c.id,
        new.c.project_id,
        literal("label.created").label("event"),
        null().label("before"),
        new.c.body.label("after"),
    )
    # Others see a label by the todos that have it, and are told of those.
    told = case((new.c.id.is_not(None), array([project.c.owner_id])))
    answer = (
        select(
            wanted.c.key,
            func.coalesce(held.c.name, new.c.name).label("name"),
            project.c.role,
            project.c.archived,
            room.c.has_room,
            project.c.id.label("project_id"),
            told.label(AFFECTED_USERS),
        )
        .join_from(wanted, project, true())
        .join(room, true())
        .outerjoin(held, held.c.name_key == wanted.c.key)
        .outerjoin(new, new.c.name_key == wanted.c.key)
    )
    return Statement(answer.add_cte(record(LABELS.name, change)))


class LabelHolder(Repository):
    """Runs the statements of `holding`; each owner may have `quota` labels."""

    async def hold(
        self, statement: Statement, names: Mapping[str, str], *, quota: int, **params: Any
    ) -> dict[str, str] | None:
        """Hold labels by their keys until the transaction ends, and give them their own names.

        None if there is no such place. Raises `Forbidden`, `ProjectArchived`, `QuotaExceeded`.
        """
        for _ in range(_ATTEMPTS):
            rows = await self._all(
                statement,
                keys=[*names],
                names=[*names.values()],
                ids=[new_id() for _ in names],
                quota=quota,
                **params,
            )
            if not rows:
                return None
            require_editable(rows[0])
            held: dict[str, str] = {row["key"]: row["name"] for row in rows}
            if None not in held.values():
                return held
            if not rows[0]["has_room"]:
                raise QuotaExceeded("labels")
        raise LocksContended
