"""Who is in the database: one who reads, and one who writes, so that lists stay as they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text

from app.core.clock import new_id, utc_now
from app.core.context import Context
from app.core.settings import Settings
from app.database.statement import Statement
from app.features.projects.permissions import seen_by
from app.features.todos.models import PRIORITIES
from app.features.todos.repository import TodoRepository
from app.features.todos.schemas import TodoCreate
from app.features.todos.service import TodoService
from app.main import create_app
from app.security.principal import Principal
from benchmarks.cases import Sender

_PASSWORD = "correct horse battery staple"
_DAY = 86400
# An access token lives for 15 minutes at most, and a long run takes longer.
_LONG_LIVED = {"access_token_seconds": _DAY}
_DUES = (
    None,
    {"date": "2026-11-30"},
    {"datetime": "2026-11-30T09:00:00", "timezone": None},
    {"datetime": "2026-11-30T09:00:00", "timezone": "Europe/Berlin"},
)


@dataclass(frozen=True, slots=True)
class Person:
    """An account with its token, and the ids of its todos."""

    id: UUID
    token: str
    todos: list[UUID]


async def settle(settings: Settings, todos: int) -> Mapping[Sender, Person]:
    """The reader and the writer, in a migrated database, with so many todos each."""
    app = create_app(settings.model_copy(update=_LONG_LIVED))
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://tickbox") as client,
    ):
        senders: tuple[Sender, ...] = ("reader", "writer")
        people = {sender: await _person(app, client, sender, todos) for sender in senders}
        for command in ("VACUUM ANALYZE", "CHECKPOINT"):
            await app.state.database.primary.fetch_all(Statement(text(command)))
    return people


async def _person(app: FastAPI, client: AsyncClient, name: str, todos: int) -> Person:
    email = f"{name}@example.com"
    user = await client.post("/v1/users", json={"email": email, "password": _PASSWORD})
    user.raise_for_status()
    form = {"grant_type": "password", "username": email, "password": _PASSWORD}
    session = await client.post("/v1/oauth/token", data=form)
    session.raise_for_status()
    user_id = UUID(user.json()["id"])
    ids = [new_id() for _ in range(todos)]
    await _add_todos(app, user_id, ids)
    return Person(user_id, session.json()["access_token"], ids)


async def _add_todos(app: FastAPI, user_id: UUID, ids: list[UUID]) -> None:
    principal = Principal(user_id, user_id, frozenset())
    start = utc_now() - timedelta(days=1)
    async with app.state.database.unit_of_work() as session:
        repository = TodoRepository(session, seen_by(principal))
        for number, todo_id in enumerate(ids):
            now = start + timedelta(seconds=number)
            # mypy cannot tell the type of a lambda's default.
            context = Context("benchmark", lambda now=now: now)  # type: ignore[misc]
            todos = TodoService(
                repository,
                principal,
                context,
                app.state.cursor_signer,
                app.state.settings.quota_todos,
            )
            await todos.create(TodoCreate.model_validate({**_todo(number), "id": str(todo_id)}))


def _todo(number: int) -> dict[str, Any]:
    return {
        "title": f"Book the train {number}",
        "description": "From Hamburg, *before* noon." if number % 3 == 0 else None,
        "completed": number % 10 == 0,
        "priority": PRIORITIES[number % len(PRIORITIES)],
        "due": _DUES[number % len(_DUES)],
    }
