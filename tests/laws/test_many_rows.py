"""Calls over many rows: what each costs more is so much a row at most, however many there are.

What is not in `MANY_ROWS` is of one row or a page, and goes by `test_connections.py`.
"""

from collections.abc import Awaitable, Callable, Mapping

import asyncpg
import pytest

from tests.laws import rows
from tests.laws.measure import cost_of
from tests.people import PASSWORD, Json, Person

Request = tuple[str, str, Json | None]
# Puts so many rows there, and gives the request that is over them.
Make = Callable[[asyncpg.Connection, Person, int], Awaitable[Request]]

FEW, MANY = 200, 1000
# Of a connection's time, a row.
LIMIT_SECONDS = 0.003
# The more there are, the dearer each: not by more than this.
TIMES = 2
LOOP_SECONDS = 0.020
_TRIES = 3
_END: Request = ("DELETE", "/v1/users/me", {"password": PASSWORD})


async def _account_with_todos(database: asyncpg.Connection, person: Person, count: int) -> Request:
    await rows.todos(database, person, count)
    return _END


async def _account_with_projects(
    database: asyncpg.Connection, person: Person, count: int
) -> Request:
    await rows.projects(database, person, count)
    return _END


async def _account_with_sessions(
    database: asyncpg.Connection, person: Person, count: int
) -> Request:
    await rows.sessions(database, person, count)
    return _END


async def _project_with_todos(database: asyncpg.Connection, person: Person, count: int) -> Request:
    project = await person.make_project()
    await rows.todos(database, person, count, project_id=project["id"])
    return "DELETE", f"/v1/projects/{project['id']}", None


async def _project_with_projects(
    database: asyncpg.Connection, person: Person, count: int
) -> Request:
    project = await person.make_project()
    await rows.projects(database, person, count, parent_id=project["id"])
    return "DELETE", f"/v1/projects/{project['id']}", None


async def _todo_with_subtasks(database: asyncpg.Connection, person: Person, count: int) -> Request:
    todo = await person.make_todo()
    await rows.todos(database, person, count, parent_id=todo["id"])
    return "DELETE", f"/v1/todos/{todo['id']}", None


async def _sessions(database: asyncpg.Connection, person: Person, count: int) -> Request:
    await rows.sessions(database, person, count)
    return "DELETE", "/v1/sessions", None


def _after(make: Make, *, purges: bool) -> Make:
    """The restore, or the purge, of what that deletes."""

    async def trashed(database: asyncpg.Connection, person: Person, count: int) -> Request:
        method, url, json = await make(database, person, count)
        response = await person.client.request(method, url, json=json)
        assert response.status_code == 204, response.text
        if purges:
            return "DELETE", f"/v1/trash/{url.rpartition('/')[2]}", None
        return "POST", f"{url}/restore", None

    trashed.__name__ = f"{'purged' if purges else 'restored'}{make.__name__}"
    return trashed


async def _trash(database: asyncpg.Connection, person: Person, count: int) -> Request:
    await rows.trash(database, person, count)
    return "DELETE", "/v1/trash", None


MANY_ROWS: Mapping[str, tuple[Make, ...]] = {
    "delete_current_user": (_account_with_todos, _account_with_projects, _account_with_sessions),
    "delete_project": (_project_with_todos, _project_with_projects),
    "delete_todo": (_todo_with_subtasks,),
    "delete_other_sessions": (_sessions,),
    "restore_project": (
        _after(_project_with_todos, purges=False),
        _after(_project_with_projects, purges=False),
    ),
    "restore_todo": (_after(_todo_with_subtasks, purges=False),),
    "purge_trash_item": (
        _after(_project_with_todos, purges=True),
        _after(_project_with_projects, purges=True),
        _after(_todo_with_subtasks, purges=True),
    ),
    "purge_trash": (_trash,),
}


async def _least(
    database: asyncpg.Connection, person: Person, make: Make, count: int
) -> tuple[float, float]:
    """Seconds of connections, and of the event loop at once: the least of a few times."""
    costs = []
    for _ in range(_TRIES):
        await person.begin_anew()
        method, url, json = await make(database, person, count)
        response = await person.client.request(method, url, json=json)
        assert response.is_success, response.text
        costs.append(cost_of(response))
    return min(sum(cost.leases) for cost in costs), min(cost.loop for cost in costs)


@pytest.mark.parametrize(
    "make", [make for makes in MANY_ROWS.values() for make in makes], ids=lambda make: make.__name__
)
async def test_a_row_costs_so_much(
    database: asyncpg.Connection, measured: Person, make: Make
) -> None:
    few, _ = await _least(database, measured, make, FEW)
    many, loop = await _least(database, measured, make, MANY)
    a_row = (many - few) / (MANY - FEW)
    said = f"{few * 1000:.1f} ms for {FEW} rows, {many * 1000:.1f} ms for {MANY}"
    assert a_row < LIMIT_SECONDS, said
    assert many / MANY < TIMES * few / FEW, said
    assert loop < LOOP_SECONDS
