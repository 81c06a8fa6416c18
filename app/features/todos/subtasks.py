"""What a change of one todo means for those below and above it.

No completed todo has an open subtask: completing goes down, and what opens goes up.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from app.database.repository import Row
from app.database.row_changes import RowChange


def completed(row: Row, now: datetime) -> RowChange:
    """An open todo that is completed with all below it."""
    values = {"completed_at": now, "completed_subtask_count": row["subtask_count"]}
    return RowChange(row["id"], "todo.completed", values)


def opens(parent: Row, subtasks: int, completed: int) -> bool:
    """Whether a parent that gets so many subtasks more, and completed ones, is no longer completed.

    Either number may be below 0.
    """
    return subtasks > completed and parent["completed_at"] is not None


def counted(ancestors: Sequence[Row], subtasks: int, completed: int) -> Iterator[RowChange]:
    """What becomes of a parent that gets so many subtasks more, and of those above it in order."""
    for row in ancestors:
        values = {
            "subtask_count": row["subtask_count"] + subtasks,
            "completed_subtask_count": row["completed_subtask_count"] + completed,
        }
        if not opens(row, subtasks, completed):
            yield RowChange(row["id"], "todo.updated", values)
            return
        yield RowChange(row["id"], "todo.reopened", values | {"completed_at": None})
        subtasks, completed = 0, -1
