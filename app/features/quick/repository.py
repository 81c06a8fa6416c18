"""What quick add asks the database."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, Text, Uuid, bindparam, cast, func, select
from sqlalchemy.sql import ColumnElement

from app.database.repository import Repository
from app.database.statement import Statement
from app.database.unit_of_work import Connection
from app.features.due.callers_zone import callers_zone
from app.features.projects.permissions import named_for_principal

_with_projects: ColumnElement[Any] = bindparam("with_projects", type_=Boolean)
_named = named_for_principal().where(_with_projects).subquery("named")
_CALLER = Statement(
    select(
        callers_zone.label("timezone"),
        func.coalesce(func.array_agg(_named.c.id), cast([], ARRAY(Uuid))).label("ids"),
        func.coalesce(func.array_agg(_named.c.name), cast([], ARRAY(Text))).label("names"),
    ).select_from(_named)
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The time zone of an account, and the projects that a todo may go to, with their names."""

    timezone: str
    projects: list[tuple[UUID, str]]


class CallerRepository(Repository):
    """Reads what is needed of one principal (`seen`, from `permissions.seen_by`)."""

    def __init__(self, connection: Connection, seen: dict[str, UUID | None]) -> None:
        super().__init__(connection)
        self._seen = seen

    async def read(self, *, with_projects: bool) -> Caller:
        """The principal, in one round trip."""
        row = await self._one(_CALLER, **self._seen, with_projects=with_projects)
        assert row is not None
        return Caller(row["timezone"] or "UTC", list(zip(row["ids"], row["names"], strict=True)))
