"""The columns that store the fields of an input, where they differ."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.core.text import text_key
from app.features.due.schemas import due_columns
from app.features.labels.schemas import by_key
from app.features.todos.models import PRIORITIES
from app.features.todos.words import as_column

Words = Mapping[str, str | None]


async def words_of(fields: Mapping[str, Any]) -> Words:
    """The search words of title and description, if they are among these fields.

    This is slow, so it is done before a row is locked.
    """
    texts = {name: fields[name] for name in ("title", "description") if name in fields}
    return {name: None if text is None else await as_column(text) for name, text in texts.items()}


def columns_of(fields: Mapping[str, Any], words: Words, now: datetime) -> dict[str, Any]:
    """The columns for these fields of a `TodoCreate` or a `TodoUpdate`."""
    columns = dict(fields)
    if "title" in fields:
        columns["title_key"] = text_key(fields["title"])
        columns["title_words"] = words["title"]
    if "description" in fields:
        columns["description_words"] = words["description"]
    if "completed" in fields:
        columns["completed_at"] = now if columns.pop("completed") else None
    if "priority" in fields:
        columns["priority"] = PRIORITIES.index(fields["priority"])
    if "labels" in fields:
        names = by_key(fields["labels"])
        columns |= {"labels": [*names.values()], "label_keys": [*names]}
    if "due" in fields:
        columns |= due_columns(columns.pop("due"))
    return columns
