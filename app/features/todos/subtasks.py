"""How a change of one todo changes those below and above it.

No completed todo has an open subtask: completing one completes all below it, and what opens
reopens all above it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from app.database.repository import Row
from app.database.row_changes import RowChange


def completion_of(row: Row, now: datetime) -> RowChange:
    """The change that completes an open todo whose subtasks are completed too."""
    values = {"completed_at": now, "completed_subtask_count": row["subtask_count"]}
    return RowChange(row["id"], "todo.completed", values)


def reopens(parent: Row | dict[str, Any], added: int, added_completed: int) -> bool:
    """Whether a parent is no longer completed when so many are added to its counts.

    A number below 0 takes away: to reopen a subtask adds 0 and -1.
    """
    return added > added_completed and parent["completed_at"] is not None


def changes_above(
    ancestors: Sequence[Row | dict[str, Any]], added: int, added_completed: int
) -> Iterator[RowChange]:
    """The changes of a parent when so many are added to its counts, and of those above in order.

    They end with the first one that does not reopen.
    """
    for row in ancestors:
        values = {
            "subtask_count": row["subtask_count"] + added,
            "completed_subtask_count": row["completed_subtask_count"] + added_completed,
        }
        if not reopens(row, added, added_completed):
            yield RowChange(row["id"], "todo.updated", values)
            return
        yield RowChange(row["id"], "todo.reopened", values | {"completed_at": None})
        added, added_completed = 0, -1
