"""A field of todos is in the table, the schemas and the representation, or a test fails here."""

import orjson
from sqlalchemy import Table

from app.core.clock import utc_now
from app.database.base import table_of
from app.features.todos.columns import columns_of, words_of
from app.features.todos.models import Todo
from app.features.todos.schemas import TodoCreate, TodoRead, TodoUpdate
from app.features.todos.sql.writes import TODOS
from tests.people import Person

TODO: Table = table_of(Todo)
# What no client sends: the service sets it, or PostgreSQL.
_OWN = {
    "parent_depth", "depth", "created_by", "position", "subtask_count",
    "completed_subtask_count", "series_start", "series_number",
    "version", "created_at", "updated_at", "deleted_at", "deletion_id",
}  # fmt: skip
_PLACE = {"id", "project_id", "parent_id"}
_CHANGED = {
    "title": "Book the ship",
    "description": "Window seat",
    "completed": True,
    "priority": "high",
    "labels": ["\uff21\uff42c", "Errands"],
    "due": {"datetime": "2026-11-30T09:00:00", "timezone": "Europe/Berlin"},
    "recurrence": {"rrule": "FREQ=WEEKLY;BYDAY=MO", "repeat_from": "completion"},
}


def test_what_may_be_changed_may_be_made_so_and_is_shown() -> None:
    assert set(TodoUpdate.model_fields) == set(TodoCreate.model_fields) - _PLACE == set(_CHANGED)
    assert set(TodoUpdate.model_fields) <= set(TodoRead.model_fields)


async def test_each_column_is_of_a_field_or_of_ours() -> None:
    data = TodoUpdate.model_validate(_CHANGED)
    columns = columns_of(data.given(), await words_of(data.given()), utc_now())

    assert columns.keys() | _OWN | _PLACE == set(TODO.c.keys())
    assert columns.keys() <= TODOS.settable.keys()


async def test_each_field_is_kept_by_a_patch_and_by_a_create(ada: Person) -> None:
    todo = await ada.make_todo()
    for name, value in _CHANGED.items():
        answer = await ada.client.patch(f"/v1/todos/{todo['id']}", json={name: value})
        assert answer.json()[name] == value != todo[name]
    made = await ada.client.post("/v1/todos", json=_CHANGED)
    assert {name: orjson.loads(made.content)[name] for name in _CHANGED} == _CHANGED
