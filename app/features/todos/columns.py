"""What the fields of an input are in the table, where that is not the same."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.core.text import text_key
from app.features.todos.due import due_columns
from app.features.todos.models import PRIORITIES
from app.features.todos.words import as_column


async def columns_of(fields: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The columns that hold these fields of a `TodoCreate` or a `TodoUpdate`."""
    columns = dict(fields)
    if "title" in fields:
        columns["title_key"] = text_key(fields["title"])
        columns["title_words"] = await as_column(fields["title"])
    if "description" in fields:
        text = fields["description"]
        columns["description_words"] = None if text is None else await as_column(text)
    if "completed" in fields:
        columns["completed_at"] = now if columns.pop("completed") else None
    if "priority" in fields:
        columns["priority"] = PRIORITIES.index(fields["priority"])
    if "due" in fields:
        columns |= due_columns(columns.pop("due"))
    return columns
