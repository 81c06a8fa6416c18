"""Who is in the database: who reads is not who writes, so that lists stay as they are."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from uuid import UUID

from httpx import ASGITransport, AsyncClient

from app.core.settings import Settings
from app.main import create_app
from benchmarks.cases import Sender

_PASSWORD = "correct horse battery staple"
# An access token lives for 15 minutes at most, and a long run takes longer.
_LONG_LIVED = {"access_token_seconds": 86400}
_PRIORITIES = ("none", "low", "medium", "high", "urgent")
_DUES = (
    None,
    {"date": "2026-11-30"},
    {"datetime": "2026-11-30T09:00:00", "timezone": None},
    {"datetime": "2026-11-30T09:00:00", "timezone": "Europe/Berlin"},
)
# What the todos of some have besides, so that all of the one's are in a list of what is due today.
_MORE: Mapping[Sender, dict[str, Any]] = {
    "labeller": {"labels": ["Errands", "Home"], "due": {"date": "2026-11-01"}, "completed": False},
    "repeater": {
        "due": {"date": "2026-11-30"},
        "recurrence": {"rrule": "FREQ=DAILY", "repeat_from": "due"},
        "completed": False,
    },
}
# Todos that are made at the same time.
_AT_ONCE = 8


@dataclass(slots=True)
class Person:
    """An account with its newest token, and the ids of its todos."""

    id: UUID
    token: str = ""
    todos: list[UUID] = field(default_factory=list)


async def settle(
    client: AsyncClient, todos: int, senders: Iterable[Sender] = get_args(Sender)
) -> dict[Sender, Person]:
    """These people, signed up with a new Tickbox, with so many todos each."""
    people: dict[Sender, Person] = {}
    for sender in senders:
        account = {"email": _email(sender), "password": _PASSWORD}
        people[sender] = Person(UUID((await _post(client, "/v1/users", json=account))["id"]))
    await sign_in(client, people)
    for sender, person in people.items():
        headers = {"Authorization": f"Bearer {person.token}"}
        for first in range(0, todos, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, todos))
            made = [
                _post(client, "/v1/todos", json=_todo(n, sender), headers=headers) for n in numbers
            ]
            person.todos += [UUID(todo["id"]) for todo in await asyncio.gather(*made)]
    return people


async def sign_in(client: AsyncClient, people: Mapping[Sender, Person]) -> None:
    """Give each of them a new token."""
    for sender, person in people.items():
        form = {"grant_type": "password", "username": _email(sender), "password": _PASSWORD}
        person.token = (await _post(client, "/v1/oauth/token", data=form))["access_token"]


async def settle_alone(settings: Settings) -> dict[Sender, Person]:
    """All in a migrated database, without todos; their tokens are good for a day."""
    app = create_app(settings.model_copy(update=_LONG_LIVED))
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://tickbox") as client,
    ):
        return await settle(client, 0)


async def _post(client: AsyncClient, path: str, **options: Any) -> dict[str, Any]:
    response = await client.post(path, **options)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def _email(sender: Sender) -> str:
    return f"{sender}@example.com"


def _todo(number: int, sender: Sender) -> dict[str, Any]:
    return {
        "title": f"Book the train {number}",
        "description": "From Hamburg, *before* noon." if number % 3 == 0 else None,
        "completed": number % 10 == 0,
        "priority": _PRIORITIES[number % len(_PRIORITIES)],
        "due": _DUES[number % len(_DUES)],
        **_MORE.get(sender, {}),
    }
