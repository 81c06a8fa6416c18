"""Limits: who may call how often, what each answer says of it, and what holds without Redis."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import pytest
from httpx import ASGITransport, AsyncClient, Response

from app.core.settings import Settings
from app.security.password_hashing import PasswordHashingBusy
from tests.apps import client_of, running
from tests.people import PASSWORD, Person
from tests.web.answers import faults

GONE = "redis://127.0.0.1:1"
REMAINING = re.compile(r'"[a-z-]+";r=(\d+);t=(\d+)')


def left(response: Response) -> int:
    match = REMAINING.fullmatch(response.headers["ratelimit"])
    assert match is not None, response.headers["ratelimit"]
    return int(match[1])


async def sign_in(client: AsyncClient, email: str, password: str = PASSWORD) -> Response:
    form = {"grant_type": "password", "username": email, "password": password}
    return await client.post("/v1/oauth/token", data=form)


def is_limited(response: Response) -> bool:
    """Whether it is a 429 as the contract has it."""
    if response.status_code != 429:
        return False
    assert not list(faults(response))
    problem = response.json()
    assert problem["code"] == "rate_limited"
    assert int(response.headers["retry-after"]) == problem["params"]["retry_after"] >= 1
    return True


class TestUser:
    # So slow that nothing comes back while the test runs.
    SLOW: dict[str, Any] = {"limit_user_burst": 5, "limit_user_per_second": 1}

    async def test_has_a_burst_and_no_more(self, settings: Settings, ada: Person) -> None:
        token = ada.tokens["access_token"]
        async with running(settings, **self.SLOW) as app, client_of(app, token) as client:
            answers = await asyncio.gather(*(client.get("/v1/projects") for _ in range(40)))
            refused = [answer for answer in answers if is_limited(answer)]
            # One more a second, if the machine took its time.
            assert 30 <= len(refused) <= 35
            assert {answer.status_code for answer in answers} == {200, 429}
            assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"user";q=5;w=5'}
            assert min(map(left, answers)) == 0
            limit = app.state.request_gate.user
            assert (limit.allowed, limit.refused) == (40 - len(refused), len(refused))

    async def test_of_another_is_another(
        self, settings: Settings, ada: Person, bob: Person
    ) -> None:
        async with running(settings, **self.SLOW) as app:
            async with client_of(app, ada.tokens["access_token"]) as client:
                await asyncio.gather(*(client.get("/v1/projects") for _ in range(40)))
            async with client_of(app, bob.tokens["access_token"]) as client:
                assert left(await client.get("/v1/projects")) == 4

    async def test_is_told_what_is_left_with_every_answer(self, ada: Person) -> None:
        project = await ada.make_project()
        for method, url, body, status in (
            ("GET", "/v1/todos", None, 200),
            ("GET", "/v1/todos", None, 200),  # from the cache
            ("GET", "/v1/todos?limit=0", None, 422),
            ("GET", f"/v1/todos/{uuid4()}", None, 404),
            ("POST", "/v1/todos", {"title": "Book"}, 201),
            ("POST", "/v1/todos", {}, 422),
            ("PATCH", f"/v1/projects/{project['id']}", {"name": "Other"}, 200),
            ("DELETE", f"/v1/projects/{project['id']}", None, 204),
            ("GET", "/v1/users/me", None, 200),
        ):
            answer = await ada.client.request(method, url, json=body)
            assert answer.status_code == status
            assert left(answer) > 0
            assert answer.headers["ratelimit-policy"].startswith('"user";q=')

    async def test_is_let_through_without_redis(self, settings: Settings, ada: Person) -> None:
        token = ada.tokens["access_token"]
        async with (
            running(settings, redis_url=GONE, **self.SLOW) as app,
            client_of(app, token) as client,
        ):
            answers = [await client.get("/v1/projects") for _ in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        assert all("ratelimit" not in answer.headers for answer in answers)


class TestAddress:
    async def test_has_a_limit_where_there_is_no_user(self, settings: Settings) -> None:
        slow: dict[str, Any] = {"limit_address_burst": 3, "limit_address_per_second": 1}
        async with running(settings, **slow) as app, client_of(app, "x.y.z") as client:
            answers = [await client.get("/v1/todos") for _ in range(6)]
            assert [answer.status_code for answer in answers[:3]] == [401] * 3
            assert any(map(is_limited, answers[3:]))
            assert answers[0].headers["ratelimit-policy"] == '"address";q=3;w=3'

    async def test_of_ipv6_is_that_of_its_network(self, settings: Settings) -> None:
        slow: dict[str, Any] = {"limit_address_burst": 3, "limit_address_per_second": 1}
        async with running(settings, **slow) as app:

            async def limited(*addresses: str) -> bool:
                answers = []
                for address in addresses:
                    transport = ASGITransport(app, client=(address, 1))
                    async with AsyncClient(transport=transport, base_url="http://t") as client:
                        answers.append(await client.get("/v1/todos"))
                assert {answer.status_code for answer in answers} <= {401, 429}
                return any(map(is_limited, answers))

            assert await limited(*(f"2001:db8::{n}" for n in range(1, 7)))
            assert await limited(*["2001:db8:0:2::1", "2001:db8:0:2:8000::1"] * 3)
            assert not await limited("2001:db8:0:1::1", "fe80::1%eth0", "fd00::1", "198.51.100.7")
            assert await limited(*["192.0.2.1", "::ffff:192.0.2.1"] * 3)

    @pytest.mark.parametrize(
        ("setting", "name"),
        [("limit_sign_ups_per_minute", "sign-up"), ("limit_sign_ins_per_minute", "sign-in")],
    )
    async def test_has_another_for_what_is_dear(
        self, settings: Settings, setting: str, name: str
    ) -> None:
        changes: dict[str, Any] = {setting: 3}
        async with running(settings, **changes) as app, client_of(app) as client:
            await app.state.redis.run(("FLUSHDB",))

            async def call() -> Response:
                if name == "sign-in":
                    return await client.post("/v1/oauth/token", data={"grant_type": "none"})
                return await client.post("/v1/users", json={})

            answers = [await call() for _ in range(5)]
            assert [is_limited(answer) for answer in answers] == [False] * 3 + [True] * 2
            policies = answers[0].headers["ratelimit-policy"]
            assert policies.startswith('"address";')
            assert f'"{name}";q=3;w=60' in policies

    async def test_of_sign_ins_holds_without_redis(self, settings: Settings) -> None:
        async with (
            running(
                settings,
                redis_url=GONE,
                limit_sign_ins_per_minute=3,
                limit_sign_ups_per_minute=3,
                limit_address_burst=3,
            ) as app,
            client_of(app) as client,
        ):
            sign_ins = [
                await client.post("/v1/oauth/token", data={"grant_type": "none"}) for _ in range(5)
            ]
            sign_ups = [await client.post("/v1/users", json={}) for _ in range(5)]
        assert [is_limited(answer) for answer in sign_ins] == [False] * 3 + [True] * 2
        assert [answer.status_code for answer in sign_ups] == [422] * 5


class TestAccount:
    @pytest.mark.parametrize("redis", ["there", "gone"])
    async def test_may_be_tried_in_vain_only_so_often(
        self, settings: Settings, ada: Person, redis: str
    ) -> None:
        changes: dict[str, Any] = {"limit_sign_in_failures_per_minute": 3}
        if redis == "gone":
            changes["redis_url"] = GONE
        async with running(settings, **changes) as app, client_of(app) as client:
            email = ada.user["email"]
            good = [await sign_in(client, email) for _ in range(5)]
            bad = [await sign_in(client, spelt, "wrong") for spelt in (email, email.upper()) * 2]
            late = await sign_in(client, email)
            other = await sign_in(client, f"nobody-{uuid4().hex}@example.com")

        # What succeeds does not count.
        assert [answer.status_code for answer in good] == [200] * 5
        assert [answer.status_code for answer in bad] == [400, 400, 400, 429]
        assert is_limited(late)
        assert other.status_code == 400

    async def test_is_not_to_blame_for_what_fails_here(
        self, settings: Settings, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with (
            running(settings, limit_sign_in_failures_per_minute=3) as app,
            client_of(app) as client,
        ):

            async def busy(*_: object) -> bool:
                raise PasswordHashingBusy

            with monkeypatch.context() as patch:
                patch.setattr(app.state.password_hasher, "verify", busy)
                busy_answers = [await sign_in(client, ada.user["email"]) for _ in range(5)]
            good = await sign_in(client, ada.user["email"])
        assert [answer.status_code for answer in busy_answers] == [503] * 5
        assert good.status_code == 200

    async def test_is_not_guessed_at_faster_by_trying_at_once(
        self, settings: Settings, ada: Person
    ) -> None:
        async with (
            running(settings, limit_sign_in_failures_per_minute=3) as app,
            client_of(app) as client,
        ):
            tries = (sign_in(client, ada.user["email"], f"wrong {n}") for n in range(12))
            answers = await asyncio.gather(*tries)
        assert sorted(answer.status_code for answer in answers) == [400] * 3 + [429] * 9
