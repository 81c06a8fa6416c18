"""Runs the statements of labels, and turns no row and violated constraints into errors."""

from typing import Any
from uuid import UUID

from app.core.errors import IdTaken, NotFound, QuotaExceeded
from app.core.pagination import Position
from app.core.schemas import JsonRow
from app.database.repository import Repository, Row, json_row
from app.database.row_changes import RowChange
from app.database.shapes import SHAPES
from app.database.unit_of_work import Connection
from app.features.labels import statements
from app.features.labels.errors import LabelNameTaken
from app.features.labels.schemas import LabelQuery
from app.features.labels.statements import LABELS


class LabelRepository(Repository):
    """Reads and writes the labels that one principal sees (`seen`, from `permissions.seen_by`)."""

    conflicts = {
        "pk_labels": IdTaken,
        "uq_labels_owner_id_name_key": LabelNameTaken,
    }

    def __init__(self, connection: Connection, seen: dict[str, UUID | None]) -> None:
        super().__init__(connection)
        self._seen = seen

    async def read(self, label_id: UUID) -> JsonRow:
        """One label. Raises `NotFound`."""
        row = await self._one(statements.READ, **self._seen, id=label_id)
        if row is None:
            raise NotFound
        return json_row(row)

    async def page(self, query: LabelQuery, after: Position | None) -> list[Row]:
        """Rows of `body`, `sort_key` and `id`, one more than asked for if there is a next page."""
        # A token that is limited to one project sees the labels of that.
        project_id = query.project_id or self._seen["principal_project_id"]
        statement = await SHAPES.statement(
            self._seen["principal_id"],
            statements.page,
            query.sort,
            in_project=project_id is not None,
            is_first=after is None,
            with_total=query.include_total,
        )
        place = {} if after is None else {"last_key": after.key, "last_id": after.id}
        return await self._all(
            statement, **self._seen, **place, project_id=project_id, limit=query.limit + 1
        )

    async def insert(self, values: dict[str, Any], *, quota: int, **by: Any) -> JsonRow:
        """Insert a label of the principal. Raises `QuotaExceeded`, `IdTaken`, `LabelNameTaken`."""
        given = LABELS.inserted(values, by["now"])
        row = await self._one(statements.CREATE, **self._seen, given=given, quota=quota, **by)
        assert row is not None
        if row["id"] is None:
            raise QuotaExceeded("labels")
        return json_row(row)

    async def lock(self, label_id: UUID) -> Row | None:
        """Read a label and lock it until the transaction ends; None if it is not visible."""
        return await self._one(statements.LOCK, **self._seen, id=label_id)

    async def update(self, change: RowChange, **by: Any) -> JsonRow:
        """Change a locked label. Raises `LabelNameTaken`."""
        given = LABELS.changed([change], moves=True)
        row = await self._one(statements.UPDATE, given=given, **by)
        assert row is not None
        return json_row(row)
