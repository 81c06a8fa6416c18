"""What it costs to come into a project and to go: round trips between BEGIN and COMMIT."""

from collections.abc import Awaitable, Callable

import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.settings import Settings
from tests.apps import client_of, running
from tests.people import Person, invite
from tests.roundtrips import redis_calls, statements

pytestmark = pytest.mark.keeps_session(reason="that costs more of them")

MOST = 4


async def _count(app: FastAPI, send: Awaitable[Response]) -> int:
    async with statements(app) as sql:
        response = await send
    assert response.is_success, response.text
    assert (sql[0].split(";")[0], sql[-1]) == ("BEGIN", "COMMIT")
    return len(sql) - 2


async def test_each_way_in_and_out_costs_four_at_most(
    settings: Settings, ada: Person, bob: Person
) -> None:
    async with (
        running(settings, database_pool_size=1, cache_seconds=0) as app,
        client_of(app, ada.tokens["access_token"]) as owner,
        client_of(app, bob.tokens["access_token"]) as guest,
    ):
        hers = Person(app, owner, ada.user, ada.tokens)
        project = await hers.make_project()
        await hers.make_project(parent_id=project["id"])
        url = f"/v1/projects/{project['id']}"

        async def invited() -> str:
            return str((await invite(hers, project, bob.user["email"]))["id"])

        steps: list[tuple[Callable[[], Awaitable[Response]], int]] = [
            (lambda: owner.patch(f"{url}/members/{bob.id}", json={"role": "viewer"}), 3),
            (lambda: owner.post(f"{url}/transfer", json={"user_id": str(bob.id)}), 4),
            (lambda: guest.post(f"{url}/transfer", json={"user_id": str(ada.id)}), 4),
            (lambda: owner.delete(f"{url}/members/{bob.id}"), 3),
        ]
        for turn in range(2):
            made = await invited()
            counts = [await _count(app, guest.post(f"/v1/invitations/{made}/accept"))]
            counts += [await _count(app, send()) for send, _ in steps]
            made = await invited()
            counts.append(await _count(app, guest.post(f"/v1/invitations/{made}/decline")))
            made = await invited()
            counts.append(await _count(app, owner.delete(f"{url}/invitations/{made}")))
            if turn:
                assert counts == [4, *(most for _, most in steps), 3, 3]
                assert max(counts) <= MOST


async def test_all_who_see_it_are_outdated_in_one_round_trip(
    app: FastAPI, ada: Person, bob: Person
) -> None:
    project = await ada.make_project()
    made = await invite(ada, project, bob.user["email"])
    with redis_calls(app) as calls:
        await bob.client.post("/v1/invitations/accept", json={"token": made["token"]})
    assert calls == [["EVAL"], ["SET", "SET"]]
