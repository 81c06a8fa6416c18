"""The quota of todos in a user's projects, whoever creates them: `docs/decisions/quotas.md`."""

from typing import Any

from sqlalchemy import Integer, bindparam, func, select
from sqlalchemy.sql import ColumnElement

from app.database.base import table_of
from app.features.projects.permissions import owner_of
from app.features.todos.models import TodoCount

_counts = table_of(TodoCount)


def has_room(project_id: ColumnElement[Any], added: Any = 1) -> ColumnElement[bool]:
    """Whether the project's owner may have so many more todos, by the parameter `quota`."""
    return has_room_for(owner_of(project_id), added)


def has_room_for(owner_id: ColumnElement[Any], added: Any) -> ColumnElement[bool]:
    """Whether an account may have so many more todos, by the parameter `quota`."""
    held = (
        select(func.coalesce(func.sum(_counts.c.count), 0))
        .where(_counts.c.owner_id == owner_id)
        .correlate_except(_counts)
    )
    there_is: ColumnElement[bool] = held.scalar_subquery() + added <= bindparam(
        "quota", type_=Integer
    )
    return there_is
