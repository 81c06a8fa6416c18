"""Puts a label's new name on all todos that have it, or takes the label off them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from app.database.repository import Repository, Row
from app.database.row_changes import RowChange
from app.features.todos.sql import writes
from app.features.todos.sql.writes import TODOS

# Of a batch: few enough for the statement timeout, however long their descriptions (in bytes).
_MAX_TODOS = 1_000
_MAX_BYTES = 1_000_000


class LabelledTodos(Repository):
    """The todos that have a label, as the labels' service knows them (`Labelled`)."""

    async def relabel(
        self, owner_id: UUID, key: str, label: Mapping[str, str], by: Mapping[str, Any]
    ) -> None:
        """See `Labelled.relabel`."""
        found = await self._all(writes.LABELLED, owner_id=owner_id, label_keys=[key])
        for ids in _batches(found):
            rows = await self._all(
                writes.LOCK_LABELLED, owner_id=owner_id, ids=ids, label_keys=[key]
            )
            if not rows:
                continue
            changes = [RowChange(row["id"], "todo.updated", _new(row, key, label)) for row in rows]
            one_of_each = {row["project_id"]: row["id"] for row in rows}
            await self._all(
                writes.UPDATE_LABELLED,
                given=TODOS.changed(changes),
                answered=[*one_of_each.values()],
                **by,
            )


def _new(row: Row, key: str, label: Mapping[str, str]) -> dict[str, list[str]]:
    """A todo's labels with this one in the place of the old one."""
    labels = dict(zip(row["label_keys"], row["labels"], strict=True))
    del labels[key]
    names = dict(sorted({**labels, **label}.items()))
    return {"labels": [*names.values()], "label_keys": [*names]}


def _batches(rows: Sequence[Row]) -> Iterator[list[UUID]]:
    batch: list[UUID] = []
    size = 0
    for row in rows:
        if batch and (len(batch) == _MAX_TODOS or size + row["size"] > _MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row["id"])
        size += row["size"]
    if batch:
        yield batch
