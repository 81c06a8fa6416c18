"""`/v1/todos`: create, read, list, change, delete."""

from uuid import UUID, uuid4

import pytest

from app.core.clock import new_id
from tests.people import Person


async def test_create_answers_the_whole_todo(ada: Person) -> None:
    response = await ada.client.post("/v1/todos", json={"title": "  Book the train  "})

    todo = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/todos/{todo['id']}"
    assert response.headers["etag"] == '"1"'
    assert UUID(todo["id"]).version == 7
    assert todo == {
        "id": todo["id"],
        "version": 1,
        "project_id": (await ada.inbox())["id"],
        "parent_id": None,
        "title": "Book the train",
        "description": None,
        "completed": False,
        "completed_at": None,
        "priority": "none",
        "due": None,
        "position": todo["position"],
        "subtask_count": 0,
        "completed_subtask_count": 0,
        "created_by": str(ada.id),
        "created_at": todo["created_at"],
        "updated_at": todo["created_at"],
        "deleted_at": None,
    }
    assert (await ada.get(response.headers["location"])).json() == todo
