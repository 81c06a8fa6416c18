"""TLS to the stores: spoken where it is asked for, and never with somebody else."""

import asyncio
import logging
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis as Client

from app.core.settings import Settings
from app.database import migrations
from app.database.migrations import MigrationError
from app.redis.client import Redis
from app.redis.connection import RedisAway
from tests.apps import client_of, running
from tests.certificates import Authority, Files, pem
from tests.commands import environment as environment_of
from tests.faults.processes import Valkey
from tests.people import sign_up
from tests.tls import Proxy, before_postgres, before_redis, context_of, through

DIRECT = {"TICKBOX_DATABASE_DIRECT_URL": "", "TICKBOX_DATABASE_POOL_MODE": "none"}


class Company:
    """An authority that keeps its root, and what it issues, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority()
        self.certificate = folder / "root.pem"
        self.certificate.write_bytes(pem(self._authority.root))

    def issue(self, host: str) -> Files:
        folder = self._folder / host
        folder.mkdir(exist_ok=True)
        return self._authority.issue(folder, host=host)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return Company(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """One that certified nothing here."""
    return Company(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def context(authority: Company) -> ssl.SSLContext:
    """That of a server which is called localhost, and nothing else."""
    return context_of(authority.issue("localhost"))


@pytest.fixture(scope="module")
def valkey() -> Iterator[str]:
    """One whose passwords are no other test's."""
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        valkey = Valkey(Path(folder) / "valkey")
        yield valkey.start()
        valkey.stop()


class TestPostgres:
    @pytest.fixture
    async def proxy(self, settings: Settings, context: ssl.SSLContext) -> AsyncIterator[Proxy]:
        async with before_postgres(settings.migration_url, context) as proxy:
            yield proxy

    async def migrated(self, url: str) -> None:
        await asyncio.to_thread(migrations.upgrade, url)

    async def refusal(self, url: str) -> str:
        with pytest.raises(MigrationError) as error:
            await self.migrated(url)
        assert "://" not in str(error.value)
        return str(error.value)

    async def test_is_used_over_it_from_the_migration_to_the_answer(
        self, settings: Settings, proxy: Proxy, authority: Company
    ) -> None:
        query = f"sslmode=verify-full&sslrootcert={authority.certificate}"
        url = through(settings.migration_url, proxy, query)
        await self.migrated(url)
        migrating = proxy.encrypted
        assert migrating > 0
        changes: dict[str, Any] = {
            "database_url": url,
            "database_direct_url": None,
            "database_pool_mode": "none",
        }
        async with running(settings, **changes) as app, sign_up(app) as person:
            todo = await person.make_todo()
            assert (await person.client.get(f"/v1/todos/{todo['id']}")).json() == todo
        assert proxy.encrypted > migrating
        assert proxy.plain == 0

    @pytest.mark.parametrize(
        ("query", "is_encrypted"),
        [
            ("sslmode=disable", False),
            ("sslmode=prefer", True),
            ("", True),
            ("sslmode=require", True),
            ("ssl=true", True),
            ("sslmode=verify-ca&sslrootcert=CA", True),
            ("sslmode=require&sslrootcert=CA", True),
            ("channel_binding=require&sslrootcert=CA", True),
        ],
    )
    async def test_is_as_the_url_asks(
        self,
        settings: Settings,
        proxy: Proxy,
        authority: Company,
        query: str,
        is_encrypted: bool,
    ) -> None:
        query = query.replace("CA", str(authority.certificate))
        await self.migrated(through(settings.migration_url, proxy, query))
        assert (proxy.encrypted > 0, proxy.plain > 0) == (is_encrypted, not is_encrypted)

    @pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
    async def test_is_refused_from_whom_nobody_knows(
        self, settings: Settings, proxy: Proxy, stranger: Company, mode: str
    ) -> None:
        query = f"sslmode={mode}&sslrootcert={stranger.certificate}"
        said = await self.refusal(through(settings.migration_url, proxy, query))
        assert said.startswith("the database at localhost cannot be migrated: its certificate is")
        assert "unable to get local issuer certificate" in said

    async def test_is_refused_from_whom_the_system_does_not_know(
        self, settings: Settings, proxy: Proxy
    ) -> None:
        for query in ("sslmode=verify-full", "sslmode=require&channel_binding=require"):
            said = await self.refusal(through(settings.migration_url, proxy, query))
            assert "its certificate is refused (" in said

    async def test_is_refused_from_another_host_if_names_are_compared(
        self, settings: Settings, proxy: Proxy, authority: Company
    ) -> None:
        root = f"sslrootcert={authority.certificate}"
        url = through(settings.migration_url, proxy, f"sslmode=verify-full&{root}", "127.0.0.1")
        said = await self.refusal(url)
        assert said.startswith("the database at 127.0.0.1 cannot be migrated")
        assert "IP address mismatch" in said

        await self.migrated(url.replace("verify-full", "verify-ca"))

    async def test_is_not_given_up_where_the_server_speaks_none(self, settings: Settings) -> None:
        async with before_postgres(settings.migration_url, None) as proxy:
            said = await self.refusal(through(settings.migration_url, proxy, "sslmode=require"))
            assert said == "the database at localhost cannot be migrated: it speaks no TLS"
            assert proxy.plain == 0
            await self.migrated(through(settings.migration_url, proxy, "sslmode=prefer"))

    async def test_shows_a_certificate_of_its_own(
        self, settings: Settings, authority: Company, stranger: Company
    ) -> None:
        context = context_of(authority.issue("localhost"), clients=authority.certificate)
        root = f"sslmode=verify-full&sslrootcert={authority.certificate}"
        async with before_postgres(settings.migration_url, context) as proxy:
            for issuer in (authority, stranger):
                files = issuer.issue("tickbox")
                query = f"{root}&sslcert={files.certificate}&sslkey={files.key}"
                url = through(settings.migration_url, proxy, query)
                if issuer is authority:
                    await self.migrated(url)
                else:
                    assert "localhost cannot be" in await self.refusal(url)

    async def test_that_is_refused_stops_the_start_with_a_reason(
        self, settings: Settings, proxy: Proxy, stranger: Company
    ) -> None:
        query = f"sslmode=verify-full&sslrootcert={stranger.certificate}"
        environment = environment_of(settings) | DIRECT
        environment["TICKBOX_DATABASE_URL"] = through(settings.migration_url, proxy, query)
        serve = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "serve", "--port", "0"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await serve.communicate()
        assert serve.returncode == 1
        assert said.decode() == (
            "tickbox: The database at localhost cannot be migrated: its certificate is refused "
            "(unable to get local issuer certificate).\n"
        )


class TestRedis:
    @pytest.fixture
    async def proxy(self, valkey: str, context: ssl.SSLContext) -> AsyncIterator[Proxy]:
        async with before_redis(valkey, context) as proxy:
            yield proxy

    @asynccontextmanager
    async def connected(self, url: str) -> AsyncIterator[Redis]:
        redis = Redis(url)
        await redis.start()
        try:
            yield redis
        finally:
            await redis.close()

    async def refusal(self, url: str, caplog: pytest.LogCaptureFixture) -> str:
        """What is logged once at the start."""
        caplog.clear()
        with caplog.at_level(logging.WARNING, "app.redis.client"):
            async with self.connected(url) as redis:
                assert not redis.is_connected
                with pytest.raises(RedisAway):
                    await redis.run(("PING",))
        [message] = caplog.messages
        assert "://" not in message
        return message

    @pytest.mark.parametrize(
        "query",
        [
            "ssl_ca_certs=CA",
            "ssl_ca_certs=CA&ssl_cert_reqs=required&ssl_check_hostname=true",
            "ssl_cert_reqs=none",
        ],
    )
    async def test_is_used_over_it(self, proxy: Proxy, authority: Company, query: str) -> None:
        query = query.replace("CA", str(authority.certificate))
        async with self.connected(f"rediss://localhost:{proxy.port}?{query}") as redis:
            assert await redis.run(("PING",)) == [b"PONG"]
        assert proxy.encrypted > 0

    async def test_serves_an_app(
        self, settings: Settings, proxy: Proxy, authority: Company
    ) -> None:
        url = f"rediss://localhost:{proxy.port}/1?ssl_ca_certs={authority.certificate}"
        async with running(settings, redis_url=url) as app, client_of(app) as client:
            ready = await client.get("/readyz")
        assert ready.json()["cache"] == "ok"

    async def test_tells_who_it_is_and_which_database_it_wants(
        self,
        valkey: str,
        proxy: Proxy,
        authority: Company,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        async with Client.from_url(valkey) as client:
            # redis-py's own has no types.
            await client.execute_command("ACL", "SETUSER", "ada", "on", ">p/w@x", "~*", "+@all")  # type: ignore[no-untyped-call]
        address = f"localhost:{proxy.port}/3?ssl_ca_certs={authority.certificate}"
        async with self.connected(f"rediss://ada:p%2Fw%40x@{address}") as redis:
            who, where = await redis.run(("ACL", "WHOAMI"), ("CLIENT", "INFO"))
        assert who == b"ada"
        assert b" db=3 " in where

        said = await self.refusal(f"rediss://ada:geheim@{address}", caplog)
        assert said == "going on without Redis: it answers WRONGPASS"

    async def test_is_refused_from_whom_nobody_knows(
        self, proxy: Proxy, stranger: Company, caplog: pytest.LogCaptureFixture
    ) -> None:
        for query in ("", f"ssl_ca_certs={stranger.certificate}"):
            said = await self.refusal(f"rediss://localhost:{proxy.port}?{query}", caplog)
            assert said == (
                "going on without Redis: its certificate is refused (unable to get local issuer "
                "certificate)"
            )

    async def test_is_refused_from_another_host(
        self, proxy: Proxy, authority: Company, caplog: pytest.LogCaptureFixture
    ) -> None:
        url = f"rediss://127.0.0.1:{proxy.port}?ssl_ca_certs={authority.certificate}"
        assert "IP address mismatch" in await self.refusal(url, caplog)
        async with self.connected(f"{url}&ssl_check_hostname=false") as redis:
            assert await redis.run(("PING",)) == [b"PONG"]

    async def test_shows_a_certificate_of_its_own(self, valkey: str, authority: Company) -> None:
        context = context_of(authority.issue("localhost"), clients=authority.certificate)
        files = authority.issue("tickbox")
        mine = f"ssl_certfile={files.certificate}&ssl_keyfile={files.key}"
        query = f"ssl_ca_certs={authority.certificate}&{mine}"
        async with (
            before_redis(valkey, context) as proxy,
            self.connected(f"rediss://localhost:{proxy.port}?{query}") as redis,
        ):
            assert await redis.run(("PING",)) == [b"PONG"]
