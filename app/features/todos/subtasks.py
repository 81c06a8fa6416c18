"""How a change of one todo changes those below and above it.

No completed todo has an open subtask: completing one completes all below it, and what opens
reopens all above it. Where one that repeats goes on, all below it begin anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.database.repository import Row
from app.database.row_changes import RowChange
from app.features.recurrence.completion_log import completed_occurrence
from app.features.recurrence.repetition import Repetition


@dataclass(frozen=True, slots=True)
class Completing:
    """What completing a todo changes: rows, and the completions to add."""

    changes: list[RowChange]
    completions: list[dict[str, Any]]
    is_done: bool


def completing(
    todo: Row,
    below: Sequence[Row],
    repetition: Repetition,
    values: Mapping[str, Any],
    now: datetime,
) -> Completing:
    """Complete an open todo, whose other new values are these, with the open ones below it.

    One that repeats goes on with its next occurrence, if there is one, and so do all below it.
    """
    following = None
    if repetition.recurrence is not None:
        following = repetition.next(now, todo["callers_zone"])
    if following is not None:
        anew = {**values, **following.columns(), "completed_at": None, "completed_subtask_count": 0}
        return Completing(
            [RowChange(todo["id"], "todo.completed", anew), *_begun_anew(below)],
            [completed_occurrence(todo, repetition, is_last=False)],
            is_done=False,
        )
    opened = [row for row in below if row["completed_at"] is None]
    ended = [(todo, repetition), *((row, Repetition.of(row)) for row in opened)]
    return Completing(
        [_completion(todo, now, values), *(_completion(row, now) for row in opened)],
        [
            completed_occurrence(row, its, is_last=True)
            for row, its in ended
            if its.recurrence is not None
        ],
        is_done=True,
    )


def _completion(row: Row, now: datetime, values: Mapping[str, Any] | None = None) -> RowChange:
    """The change that completes an open todo whose subtasks are completed too."""
    done = {"completed_at": now, "completed_subtask_count": row["subtask_count"]}
    return RowChange(row["id"], "todo.completed", {**(values or {}), **done})


def _begun_anew(below: Sequence[Row]) -> Iterator[RowChange]:
    """The changes that leave all of these open, which are all that are below a todo."""
    for row in below:
        values: dict[str, Any] = {"completed_subtask_count": 0}
        if row["completed_at"] is not None:
            yield RowChange(row["id"], "todo.reopened", values | {"completed_at": None})
        elif row["completed_subtask_count"]:
            yield RowChange(row["id"], "todo.updated", values)


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
