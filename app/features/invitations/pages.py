"""The statements of lists of invitations: those to a project, and those to the principal."""

from typing import Any

from sqlalchemy import (
    DateTime,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    join,
    outerjoin,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql import ColumnElement

from app.database import json_rows
from app.database.json_rows import as_text, instant
from app.database.statement import Statement
from app.features.invitations.statements import (
    invitations,
    is_open,
    is_pending,
    mine,
    representation,
    users,
)
from app.features.projects.permissions import visible_to_principal
from app.features.projects.statements import projects

_project_id: ColumnElement[Any] = bindparam("project_id", type_=Uuid)


def own_representation(invitation: FromClause) -> list[ColumnElement[Any]]:
    """The fields of `OwnInvitation`."""
    row = invitation.c
    return [
        row.id,
        row.project_name,
        row.inviter_name,
        row.role,
        instant(row.created_at).label("created_at"),
        instant(row.expires_at).label("expires_at"),
    ]


def _rows(matching: Select[Any], *, is_first: bool) -> Select[Any]:
    """A page's rows: the newest first."""
    if not is_first:
        key = cast(bindparam("last_key", type_=Text), DateTime(timezone=True))
        last = tuple_(key, bindparam("last_id", type_=Uuid))
        matching = matching.where(tuple_(invitations.c.created_at, invitations.c.id) < last)
    order = (invitations.c.created_at.desc(), invitations.c.id.desc())
    return matching.order_by(*order).limit(bindparam("limit", type_=Integer))


def _page_of_project(*, is_first: bool, with_total: bool) -> Statement:
    """A page of a visible project's invitations, each row with the project's columns.

    If there are none on the page, it is one row without a body; no row means that nothing is seen.
    """
    seen = visible_to_principal(only=_project_id).subquery("seen")
    pending = select(invitations).where(invitations.c.project_id == seen.c.id, is_pending)
    found = _rows(pending.correlate(seen), is_first=is_first).lateral("found")
    fields = select(*representation(found)).correlate(found).lateral("fields")
    columns = [
        *(seen.c.role, projects.c.parent_id, projects.c.is_inbox),
        as_text(fields).label("body"),
        cast(found.c.created_at, Text).label("sort_key"),
        found.c.id,
    ]
    if with_total:
        counted = pending.with_only_columns(func.count()).correlate(seen).scalar_subquery()
        columns.append(counted.label("total"))
    project = join(seen, projects, projects.c.id == seen.c.id)
    return Statement(
        select(*columns)
        .select_from(outerjoin(project, join(found, fields, true()), true()))
        .order_by(found.c.created_at.desc(), found.c.id.desc())
    )


def _page_of_mine(*, is_first: bool, with_total: bool) -> Statement:
    """A page of the principal's invitations.

    The total is a column of each row, and of a row without a body if the page is empty.
    """
    inviter = users.alias("inviter")
    pending = (
        mine()
        .join(projects, and_(projects.c.id == invitations.c.project_id, is_open))
        .join(inviter, inviter.c.id == invitations.c.invited_by)
        .where(is_pending)
    )
    named = pending.add_columns(
        projects.c.name.label("project_name"),
        inviter.c.display_name.label("inviter_name"),
        invitations.c.created_at.label("sort_key"),
    )
    found = _rows(named, is_first=is_first).subquery("found")
    total = pending.with_only_columns(func.count()).scalar_subquery().label("total")
    beside = [total] if with_total else []
    return Statement(
        json_rows.page(found, own_representation(found), descending=True, beside=beside)
    )


_SHAPES = [(is_first, with_total) for is_first in (True, False) for with_total in (True, False)]
# By `is_first` and `with_total`.
OF_PROJECT = {shape: _page_of_project(is_first=shape[0], with_total=shape[1]) for shape in _SHAPES}
OF_PRINCIPAL = {shape: _page_of_mine(is_first=shape[0], with_total=shape[1]) for shape in _SHAPES}
