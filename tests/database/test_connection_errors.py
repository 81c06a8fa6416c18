"""Why a PostgreSQL cannot be used: each trouble is a real one, but for a server's that starts."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import URL, make_url

from app.core.settings import Settings, SettingsError
from app.database import migrations
from app.database.migrations import MigrationError
from app.database.unit_of_work import Database
from tests import servers
from tests.cli.doctor.examined import examined

HTTP = b"HTTP/1.1 400 Bad Request\r\n\r\n"
IN_THE_WAY = {"TICKBOX_DATABASE_DIRECT_URL": "", "TICKBOX_DATABASE_POOL_MODE": "none"}


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


STARTING = message(b"E", b"SFATAL\0VFATAL\0C57P03\0Mthe database system is geheim\0\0")


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[str]:
    """The URL of what gives one answer after the other, and ends the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            for answer in answers:
                await reader.read(1024)
                writer.write(answer)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"postgresql://ada:geheim@127.0.0.1:{server.sockets[0].getsockname()[1]}/geheim"


async def refusal(url: str) -> str:
    """Why, as `tickbox migrate` says it; nothing of the URL is in it."""
    with pytest.raises(MigrationError) as error:
        await asyncio.to_thread(migrations.upgrade, url)
    said = str(error.value)
    assert "geheim" not in said
    assert said.startswith("the database at ")
    return said


async def both(settings: Settings, url: str) -> tuple[str, str]:
    """What `tickbox migrate` says, and `tickbox doctor`."""
    findings = await examined(settings, TICKBOX_PORT="0", **IN_THE_WAY, TICKBOX_DATABASE_URL=url)
    [finding] = findings["PostgreSQL"]
    assert finding.state == "failed"
    return await refusal(url), finding.text


@pytest.fixture
def stranger(settings: Settings) -> Iterator[URL]:
    """A database, by a user of it who may do nothing yet."""
    servers.only_as_superuser("make another user")
    role, url = f"role_{uuid4().hex}", settings.migration_url
    with servers.cloned_database(f"tickbox_refuses_{uuid4().hex}") as name:
        asyncio.run(servers.run_sql(url, f"CREATE ROLE {role} LOGIN"))
        yield make_url(servers.sibling(url, name)).set(username=role)
    asyncio.run(servers.run_sql(url, f"DROP ROLE {role}"))


class TestWhatIsNoPostgres:
    @pytest.mark.parametrize("query", ["", "?sslmode=prefer"])
    async def test_is_not_asked_for_tls_that_nobody_wants(
        self, settings: Settings, query: str
    ) -> None:
        async with answering(HTTP) as url:
            migrate, doctor = await both(settings, url + query)
        assert migrate == (
            "the database at 127.0.0.1 cannot be migrated: what listens there is no PostgreSQL"
        )
        assert "at 127.0.0.1: what listens there is no PostgreSQL; mend that" in doctor

    @pytest.mark.parametrize("answer", [HTTP, b"N"])
    async def test_speaks_no_tls_where_that_is_asked_for(
        self, settings: Settings, answer: bytes
    ) -> None:
        async with answering(answer) as url:
            migrate, doctor = await both(settings, f"{url}?sslmode=require")
        assert migrate.endswith("cannot be migrated: it speaks no TLS")
        assert "it speaks no TLS; mend that" in doctor

    async def test_may_end_the_connection_without_a_word(self, settings: Settings) -> None:
        async with answering(b"") as url:
            migrate, doctor = await both(settings, url)
        for said in (migrate, doctor):
            assert "no PostgreSQL" in said


class TestAway:
    @pytest.mark.parametrize(
        ("place", "why"),
        [
            ("127.0.0.1:1", "connection refused"),
            # It has two addresses.
            ("localhost:1", "connection refused"),
            ("[::1]:1,127.0.0.1:1", "connection refused"),
            ("nowhere.invalid", "there is no host of that name"),
            ("%2Fnowhere", "no such file or directory"),
        ],
    )
    async def test_is_said_in_the_same_words(
        self, settings: Settings, place: str, why: str
    ) -> None:
        migrate, doctor = await both(settings, f"postgresql://ada:geheim@{place}/geheim")
        assert migrate.endswith(f"cannot be migrated: {why}")
        assert f": {why}; mend that, or TICKBOX_DATABASE_URL" in doctor


class TestRefusal:
    async def test_while_it_starts(self, settings: Settings) -> None:
        async with answering(b"N", STARTING) as url:
            migrate, doctor = await both(settings, url)
        for said in (migrate, doctor):
            assert "it is starting up, or shutting down: try again" in said

    @pytest.mark.parametrize(
        ("before", "why"),
        [
            ("ALTER ROLE {role} CONNECTION LIMIT 0", "gives this user no more connections"),
            ("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC", "the user may not connect to it"),
        ],
    )
    async def test_of_a_user(
        self, settings: Settings, stranger: URL, before: str, why: str
    ) -> None:
        names = {"role": stranger.username, "name": stranger.database}
        await servers.run_sql(settings.migration_url, before.format(**names))
        for said in await both(settings, stranger.render_as_string(hide_password=False)):
            assert why in said


class TestEncoding:
    async def test_of_some_letters_is_refused_at_the_start(self, settings: Settings) -> None:
        name = f"tickbox_latin_{uuid4().hex}"
        await servers.run_sql(
            settings.migration_url,
            f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
        )
        try:
            url = SecretStr(servers.sibling(settings.migration_url, name))
            for changes in ({"database_url": url}, {"database_read_url": url}):
                database = Database(settings.model_copy(update=changes))
                try:
                    with pytest.raises(SettingsError, match="encoding is LATIN1: make another"):
                        await database.check()
                finally:
                    await database.close()
        finally:
            await asyncio.to_thread(servers.drop_database, name)
