"""The statements of labels; the service says which of them make up a write."""

from typing import Any

from sqlalchemy import (
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    null,
    or_,
    select,
    table,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.selectable import Subquery

from app.database import json_rows
from app.database.base import table_of
from app.database.json_rows import answer_of, instant
from app.database.row_changes import Resource, only_principal
from app.database.statement import Statement
from app.features.labels.models import Label
from app.features.labels.terms import has_labels
from app.features.projects.permissions import (
    affected_users_of_owner,
    owner_of,
    visible_to_principal,
)

labels = table_of(Label)
# Todos belong to a feature that knows this one: their table is used by name, as in a foreign key.
_todos = table(
    "todos",
    column("project_id", Uuid),
    column("label_keys", ARRAY(Text)),
    column("deleted_at"),
)
_principal_id: ColumnElement[Any] = bindparam("principal_id", type_=Uuid)
_quota: ColumnElement[Any] = bindparam("quota", type_=Integer)
# As much of a key as fits into a cursor.
_SORTED_NAME: ColumnElement[Any] = literal_column("200")


def representation(label: FromClause) -> list[ColumnElement[Any]]:
    """The fields of `LabelRead`, from a row of `labels`."""
    row = label.c
    return [
        row.id,
        row.version,
        row.name,
        row.color,
        row.owner_id,
        instant(row.created_at).label("created_at"),
        instant(row.updated_at).label("updated_at"),
    ]


LABELS = Resource(
    "label",
    labels,
    representation,
    # It is of all projects of its owner.
    project_id=lambda _: cast(null(), Uuid),
    affected_users=lambda document: affected_users_of_owner(
        cast(document.c.body["owner_id"].as_string(), Uuid)
    ),
)

_is_there = labels.c.name_key.is_not(None)


def held_by(owner_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """How many labels an account has."""
    held = select(func.count()).where(labels.c.owner_id == owner_id, _is_there)
    return held.correlate_except(labels).scalar_subquery()


def _used_in(project: Subquery) -> ColumnElement[bool]:
    """Whether it is its owner's project, and a todo there has the label."""
    # The index has the collation of the todos' keys.
    key = labels.c.name_key.collate("default")
    here = has_labels(_todos, project.c.id, array([key]), all_of=True)
    # With a limit, which has PostgreSQL look in the index label by label, and not join the todos.
    used = select(true()).where(*here, _todos.c.deleted_at.is_(None).is_(True)).limit(1)
    return and_(
        owner_of(project.c.id) == labels.c.owner_id,
        used.correlate(labels, project).scalar_subquery(),
    )


_visible_project = visible_to_principal().subquery("project")
_mine = and_(
    labels.c.owner_id == _principal_id,
    # A token that is limited to one project sees what that has.
    bindparam("principal_project_id", type_=Uuid).is_(None),
)
_visible = select(labels).where(
    labels.c.id == bindparam("id", type_=Uuid),
    _is_there,
    or_(
        _mine,
        select(1).select_from(_visible_project).where(_used_in(_visible_project)).exists(),
    ),
)


def _create() -> Statement:
    place = select((held_by(_principal_id) < _quota).label("has_room")).cte("place")
    return LABELS.insert(place, place.c.has_room, affected_users=only_principal)


def listed(*, in_project: bool) -> Select[Any]:
    """The principal's own labels, or those on todos of the project `project_id`."""
    if in_project:
        project = visible_to_principal(only=bindparam("project_id", type_=Uuid)).subquery("project")
        return select(labels).join(project, _used_in(project)).where(_is_there)
    return select(labels).where(_is_there, _mine)


def page(sort: str, *, in_project: bool, is_first: bool, with_total: bool) -> Statement:
    """The statement of a page: each row has its JSON (`body`), its sort key as text, and its id.

    The total is a column of each row, and of a row without a body if the page is empty.
    """
    descending = sort.startswith("-")
    keys: dict[str, ColumnElement[Any]] = {
        "created_at": labels.c.created_at,
        "name": func.left(labels.c.name_key, _SORTED_NAME, type_=Text),
    }
    key = keys[sort.removeprefix("-")].label("sort_key")
    matching = listed(in_project=in_project).add_columns(key)
    found = matching.cte("matching")
    place = tuple_(found.c.sort_key, found.c.id)
    rows = select(found)
    if not is_first:
        last = tuple_(
            cast(bindparam("last_key", type_=Text), found.c.sort_key.type),
            bindparam("last_id", type_=Uuid),
        )
        rows = rows.where(place < last if descending else place > last)
    order = (found.c.sort_key, found.c.id)
    rows = rows.order_by(*(key.desc() for key in order) if descending else order)
    shown = rows.limit(bindparam("limit", type_=Integer)).subquery("shown")
    total = select(func.count()).select_from(found).scalar_subquery().label("total")
    fields, beside = representation(shown), [total] if with_total else []
    return Statement(json_rows.page(shown, fields, descending=descending, beside=beside))


CREATE = _create()
READ = Statement(answer_of(LABELS.document(_visible.cte("seen"), "read")))
LOCK = LABELS.lock(_visible, "owner_id", "name_key")
# The name's key is one of the table's keys: see `Resource.settable`.
UPDATE = LABELS.update(moves=True)
