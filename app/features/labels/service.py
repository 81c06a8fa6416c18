"""The rules of labels."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from app.core.clock import new_id
from app.core.context import Context, Expected
from app.core.errors import Forbidden, NotFound
from app.core.pagination import Cursors
from app.core.schemas import JsonPage, JsonRow
from app.core.signing import Signer
from app.core.text import text_key
from app.database.repository import Row, differences, json_row
from app.database.row_changes import RowChange
from app.features.labels.repository import LabelRepository
from app.features.labels.schemas import LabelCreate, LabelQuery, LabelUpdate
from app.security.principal import Principal


class Labelled(Protocol):
    """What has labels: a feature that knows this one brings it."""

    async def relabel(
        self, owner_id: UUID, key: str, label: Mapping[str, str], by: Mapping[str, Any]
    ) -> None:
        """Put a label in the place of the one with this key, wherever that is on.

        `label` is the key and the name of the new one, or empty to take it off. The transaction
        has locked the label, so that nobody puts it on meanwhile.
        """


class LabelService:
    """Reads and changes labels, for one principal in one request, who may have `quota` of them."""

    def __init__(
        self,
        repository: LabelRepository,
        labelled: Labelled,
        principal: Principal,
        context: Context,
        signer: Signer,
        quota: int,
    ) -> None:
        self._repository = repository
        self._labelled = labelled
        self._principal = principal
        self._context = context
        self._signer = signer
        self._quota = quota

    async def read(self, label_id: UUID) -> JsonRow:
        """Read a label. Raises `NotFound`."""
        return await self._repository.read(label_id)

    async def list(self, query: LabelQuery) -> JsonPage:
        """Read a page. Raises `CursorInvalid`."""
        cursors = Cursors(self._signer, self._principal.user_id, query.binding("labels"))
        rows = await self._repository.page(query, cursors.decode(query.cursor))
        return cursors.page(rows, query)

    async def create(self, data: LabelCreate) -> JsonRow:
        """Create a label. Raises `Forbidden`, and what the repository's `insert` raises."""
        if self._principal.project_id is not None:
            raise Forbidden("The access token is limited to one project.")
        values = {
            **data.model_dump(),
            "id": data.id or new_id(),
            "owner_id": self._principal.user_id,
            "name_key": text_key(data.name),
        }
        return await self._repository.insert(values, quota=self._quota, **self._by())

    async def update(self, label_id: UUID, data: LabelUpdate, expected: Expected) -> JsonRow:
        """Change a label; a new name reaches all todos that have it.

        Raises `NotFound`, `Forbidden`, `VersionConflict`, `LabelNameTaken`.
        """
        label = await self._lock(label_id, expected)
        values = differences(label, data)
        if not values:
            return json_row(label)
        by = self._by()
        new = {}
        if "name" in values:
            values["name_key"] = text_key(values["name"])
            new = {values["name_key"]: values["name"]}
        row = await self._repository.update(RowChange(label_id, "label.updated", values), **by)
        if new:
            await self._labelled.relabel(label["owner_id"], label["name_key"], new, by)
        return row

    async def delete(self, label_id: UUID, expected: Expected) -> None:
        """Delete a label, and take it off all todos.

        Raises `NotFound`, `Forbidden`, `VersionConflict`.
        """
        label = await self._lock(label_id, expected)
        by = self._by()
        change = RowChange(label_id, "label.deleted", {"name_key": None})
        await self._repository.update(change, **by)
        await self._labelled.relabel(label["owner_id"], label["name_key"], {}, by)

    async def _lock(self, label_id: UUID, expected: Expected) -> Row:
        """Lock a label of the principal's own, so that nobody puts it on a todo meanwhile."""
        label = await self._repository.lock(label_id)
        if label is None:
            raise NotFound
        if self._principal.project_id is not None:
            raise Forbidden("The access token is limited to one project.")
        if label["owner_id"] != self._principal.user_id:
            raise Forbidden
        expected.check(label["version"])
        return label

    def _by(self) -> dict[str, Any]:
        return self._context.by(self._principal.user_id)
