"""Deletes, restores and purges, and what is compared afterwards."""

from typing import Any
from uuid import UUID

import asyncpg

from app.core.clock import utc_now
from app.core.settings import Settings
from app.database.unit_of_work import Database
from app.features.trash.purger import Purger
from app.features.trash.sql.found import FIND_SWEPT
from tests.people import Json, Person


def address(row: Json) -> str:
    """Where a todo or a project is."""
    return f"/v1/{'projects' if 'is_inbox' in row else 'todos'}/{row['id']}"


async def trash(person: Person, *rows: Json) -> None:
    for row in rows:
        answer = await person.client.delete(address(row))
        assert answer.status_code == 204, answer.text


async def restore(person: Person, row: Json) -> Json:
    answer = await person.client.post(f"{address(row)}/restore")
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
    restored: Json = answer.json()
    assert (await read(person, row)) == restored
    return restored


async def purge(person: Person, *rows: Json) -> None:
    for row in rows:
        answer = await person.client.delete(f"/v1/trash/{row['id']}")
        assert answer.status_code == 204, answer.text


async def read(person: Person, row: Json) -> Json:
    answer = await person.get(address(row))
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def is_there(person: Person, row: Json) -> bool:
    return (await person.get(address(row))).status_code == 200


async def trashed(person: Person) -> list[str]:
    """The ids of what is in the trash, the newest first."""
    return [item["id"] for item in await person.walk("/v1/trash")]


def lasting(row: Json) -> Json:
    """What neither a deletion nor a restore changes."""
    return {name: value for name, value in row.items() if name not in ("version", "updated_at")}


async def events(database: asyncpg.Connection, row: Json) -> list[str]:
    """What `changes` has of a row."""
    rows = await database.fetch(
        "SELECT event FROM changes WHERE resource_id = $1 ORDER BY id", UUID(row["id"])
    )
    return [event for (event,) in rows]


async def told(database: asyncpg.Connection, row: Json) -> list[tuple[str, Any, Any]]:
    """What `changes` says of a row: `event`, `changed`, `row_after`."""
    rows = await database.fetch(
        "SELECT event, changed, row_after FROM changes WHERE resource_id = $1 ORDER BY id",
        UUID(row["id"]),
    )
    return [tuple(row) for row in rows]


async def purge_in_batches(settings: Settings, row: Json, batch: int) -> None:
    """Purge what is in the trash, so much a statement."""
    base = Database(settings)
    try:
        async with base.unit_of_work() as session:
            items = await session.fetch_all(FIND_SWEPT, ids=[UUID(row["id"])])
            by = {"actor_id": None, "request_id": None, "now": utc_now()}
            assert await Purger(session).purge(items, batch=batch, **by) == 1
    finally:
        await base.close()
