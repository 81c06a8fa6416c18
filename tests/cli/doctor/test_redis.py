"""`tickbox doctor` on Redis: each trouble is a real one."""

import random
import socket
from collections.abc import AsyncIterator
from contextlib import closing, suppress

import pytest
from redis.asyncio import Redis

from app.cli.doctor import redis as doctor_redis
from app.core.settings import Settings
from app.embedded import stores
from tests.cli.doctor.examined import CANARY, examined, states


def url_of(settings: Settings) -> str:
    assert settings.redis_url is not None
    return settings.redis_url.get_secret_value()


@pytest.fixture
async def redis(valkey: Settings) -> AsyncIterator[Redis]:
    async with Redis.from_url(url_of(valkey), decode_responses=True) as redis:
        yield redis


async def state_of(settings: Settings, url: str | None = None) -> tuple[str, str]:
    """The state of the one thing that is found of Redis, and its text."""
    changed = {} if url is None else {"TICKBOX_REDIS_URL": url}
    findings = await examined(settings, **changed)
    [finding] = findings["Redis"]
    assert states(findings)["PostgreSQL"] == {"ok"}
    return finding.state, finding.text


async def test_it_is_well_and_stays_as_it_was(valkey: Settings, redis: Redis) -> None:
    state, text = await state_of(valkey)
    assert state == "ok"
    assert "of 128.00M in use" in text
    assert await redis.dbsize() == 0


@pytest.mark.parametrize(
    "url",
    [f"redis://:{CANARY}@127.0.0.1:1", f"redis://:{CANARY}@nowhere.invalid", "unix:///none"],
)
async def test_it_is_away(settings: Settings, url: str) -> None:
    state, text = await state_of(settings, url)
    assert (state, text[:19]) == ("failed", "it cannot be reache")


async def test_it_is_silent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_redis, "_SECONDS", 0.1)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"redis://:{CANARY}@127.0.0.1:{silent.getsockname()[1]}"
        state, text = await state_of(settings, url)
    assert (state, text[:18]) == ("failed", "it does not answer")


async def test_it_is_a_replica(valkey: Settings, redis: Redis) -> None:
    await redis.replicaof("127.0.0.1", 1)
    state, text = await state_of(valkey)
    assert (state, text[:18]) == ("failed", "it takes no writes")


async def test_it_is_full(valkey: Settings, redis: Redis) -> None:
    await redis.config_set("maxmemory-policy", "noeviction")
    await redis.config_set("maxmemory", 1)
    state, text = await state_of(valkey)
    assert (state, text[:10]) == ("failed", "it is full")


async def test_it_has_no_limit_and_another_policy(valkey: Settings, redis: Redis) -> None:
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    state, text = await state_of(valkey)
    assert (state, "is allkeys-lru" in text) == ("warning", True)
    await redis.config_set("maxmemory-policy", "volatile-ttl")
    await redis.config_set("maxmemory", 0)
    state, text = await state_of(valkey)
    assert (state, "set its `maxmemory`" in text) == ("warning", True)


async def test_the_password_is_wrong(valkey: Settings, redis: Redis) -> None:
    await redis.config_set("requirepass", f"{CANARY} but another")
    wrong = url_of(valkey).replace("unix://", f"unix://:{CANARY}@")
    for url in (url_of(valkey), wrong):
        state, text = await state_of(valkey, url)
        assert (state, text[:29]) == ("failed", "the user or the password is w")


@pytest.mark.parametrize(
    ("rights", "state", "said"),
    [
        (["+@all", "-@dangerous", "+info"], "ok", "version "),
        (["+@all", "-@dangerous"], "failed", "its user may not do all"),
        (["+@read", "+info"], "failed", "its user may not do all"),
        (["+info"], "failed", "its user may not do all"),
    ],
)
async def test_rights(
    valkey: Settings, redis: Redis, rights: list[str], state: str, said: str
) -> None:
    await redis.acl_setuser(
        "ada", enabled=True, passwords=[f"+{CANARY}"], keys=["tickbox:*"], commands=rights
    )
    found = await state_of(valkey, url_of(valkey).replace("unix://", f"unix://ada:{CANARY}@"))
    assert (found[0], found[1].startswith(said)) == (state, True), found


async def test_it_is_a_version_that_is_too_old(
    valkey: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_redis, "OLDEST", (99, 0))
    state, text = await state_of(valkey)
    assert (state, text.endswith("upgrade it to 99.0 or later")) == ("failed", True)


def low_port() -> int:
    """A free one; a cluster's nodes talk to each other on the one 10,000 above it."""
    while True:
        port = random.randrange(20_000, 50_000)
        with (
            suppress(OSError),
            socket.create_server(("127.0.0.1", port)),
            socket.create_server(("127.0.0.1", port + 10_000)),
        ):
            return port


class TestCluster:
    @pytest.fixture(autouse=True)
    def is_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(stores.VALKEY, "cluster-enabled", "yes")
        monkeypatch.setitem(stores.VALKEY, "port", str(low_port()))
        monkeypatch.setitem(stores.VALKEY, "bind", "127.0.0.1")

    async def test_is_not_what_tickbox_can_use(self, is_one: None, valkey: Settings) -> None:
        state, text = await state_of(valkey)
        assert (state, text[:17]) == ("failed", "this is a cluster")
