"""`tickbox doctor` on PostgreSQL: each trouble is a real one."""

import asyncio
import socket
from contextlib import closing

import pytest
from sqlalchemy import make_url

from app.core import migrations
from app.core.config import Settings
from app.core.doctor import postgres
from tests import servers
from tests.core.doctor.conftest import Cluster
from tests.core.doctor.examined import CANARY, Found, examined, only, states, url_of
from tests.tls import before_postgres, through


async def with_database(settings: Settings, url: str) -> Found:
    return await examined(settings, TICKBOX_DATABASE_URL=url, TICKBOX_PORT="0")


def as_role(settings: Settings, role: str) -> str:
    return make_url(url_of(settings)).set(username=role).render_as_string(hide_password=False)


async def sql(settings: Settings, statement: str) -> None:
    await servers.run_sql(url_of(settings), statement)


class TestAway:
    @pytest.mark.parametrize(
        ("host", "said"),
        [
            ("127.0.0.1:1", "at 127.0.0.1: nothing listens there; mend that"),
            ("nowhere.invalid", "at nowhere.invalid: there is no host of that name"),
        ],
    )
    async def test_it_is_not_there(self, valkey: Settings, host: str, said: str) -> None:
        url = f"postgresql://u:{CANARY}@{host}/{CANARY}"
        findings = await with_database(valkey, url)
        assert only(findings["PostgreSQL"], "failed").startswith(said)
        assert only(findings["migrations"], "skipped") == "PostgreSQL was not reached"
        assert states(findings)["Redis"] == {"ok"}
        assert only(findings["clock"], "ok") == "within 2 s of Redis"

    async def test_it_is_silent(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgres, "_PATIENCE", 0.1)
        with closing(socket.create_server(("127.0.0.1", 0))) as silent:
            url = f"postgresql://u:{CANARY}@127.0.0.1:{silent.getsockname()[1]}/d"
            findings = await with_database(settings, url)
        assert "at 127.0.0.1: it does not answer in time" in only(findings["PostgreSQL"], "failed")

    async def test_there_is_no_socket(self, settings: Settings) -> None:
        findings = await with_database(settings, "postgresql://postgres@/d?host=/nowhere")
        assert "at its socket: there is no such socket" in only(findings["PostgreSQL"], "failed")

    async def test_it_has_no_such_database(self, settings: Settings) -> None:
        findings = await with_database(settings, servers.sibling(url_of(settings), CANARY))
        assert "has no database of that name" in only(findings["PostgreSQL"], "failed")

    async def test_a_parameter_that_nobody_knows(self, settings: Settings) -> None:
        findings = await with_database(settings, f"postgresql://u@h/d?geheim={CANARY}")
        assert "a parameter other than host, port" in only(findings["settings"], "failed")
        assert only(findings["PostgreSQL"], "skipped") == "TICKBOX_DATABASE_URL is not valid"


async def test_the_password_is_wrong(cluster: Cluster) -> None:
    settings = await asyncio.to_thread(cluster.start)
    await sql(settings, f"CREATE ROLE ada LOGIN PASSWORD '{CANARY} but another'")
    rules = "local all postgres trust\nlocal all all scram-sha-256\n"
    cluster.write("pg_hba.conf", rules)
    await sql(settings, "SELECT pg_reload_conf()")
    url = make_url(as_role(settings, "ada")).set(password=CANARY)
    findings = await with_database(settings, url.render_as_string(hide_password=False))
    assert "the user or the password is wrong" in only(findings["PostgreSQL"], "failed")
    findings = await with_database(settings, as_role(settings, "bob"))
    assert states(findings)["PostgreSQL"] == {"failed"}


class TestStandby:
    @pytest.fixture
    async def standby(self, cluster: Cluster) -> Settings:
        """A real one, of a primary that it has lost."""
        settings = await asyncio.to_thread(cluster.start)
        await asyncio.to_thread(migrations.upgrade, url_of(settings))
        cluster.write("standby.signal", "")
        return await asyncio.to_thread(cluster.start)

    async def test_is_no_primary_and_may_be_a_replica(
        self, settings: Settings, standby: Settings
    ) -> None:
        findings = await with_database(standby, url_of(standby))
        assert "this is a standby" in only(findings["PostgreSQL"], "failed")
        assert states(findings)["migrations"] == {"ok"}

        replica = {"TICKBOX_DATABASE_READ_URL": url_of(standby)}
        findings = await examined(settings, TICKBOX_PORT="0", **replica)
        assert "standby" in only(findings["replica"], "ok")
        assert states(findings)["PostgreSQL"] == {"ok"}

    async def test_a_replica_that_is_none_or_away(self, settings: Settings) -> None:
        replica = {"TICKBOX_DATABASE_READ_URL": url_of(settings)}
        findings = await examined(settings, **replica)
        assert "this is no standby" in only(findings["replica"], "warning")
        replica = {"TICKBOX_DATABASE_READ_URL": "postgresql://u@127.0.0.1:1/d"}
        findings = await examined(settings, **replica)
        assert "mend that, or TICKBOX_DATABASE_READ_URL" in only(findings["replica"], "failed")
        findings = await examined(settings, TICKBOX_DATABASE_READ_URL=CANARY)
        assert only(findings["replica"], "skipped") == "TICKBOX_DATABASE_READ_URL is not valid"


async def test_a_version_that_is_too_old(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "OLDEST", 99)
    findings = await examined(settings)
    assert "Tickbox needs 99 or later" in only(findings["PostgreSQL"], "failed")


async def test_another_encoding(own: Settings) -> None:
    name = f"{make_url(url_of(own)).database}_ascii"
    await sql(own, f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        findings = await with_database(own, servers.sibling(url_of(own), name))
    finally:
        await sql(own, f"DROP DATABASE {name} WITH (FORCE)")
    assert "encoding is SQL_ASCII" in only(findings["PostgreSQL"], "failed")


class TestRights:
    async def test_to_nothing(self, own: Settings, role: str) -> None:
        findings = await with_database(own, as_role(own, role))
        create, use = (finding.text for finding in findings["PostgreSQL"])
        assert states(findings)["PostgreSQL"] == {"failed"}
        assert "`GRANT CREATE ON SCHEMA public TO` it" in create
        assert "may not read and write" in use
        assert "cannot be read: the user may not read its tables" in only(
            findings["migrations"], "failed"
        )

    async def test_to_use_tables_of_somebody_else(self, own: Settings, role: str) -> None:
        await sql(own, f"GRANT CREATE ON SCHEMA public TO {role}")
        await sql(own, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
        findings = await with_database(own, as_role(own, role))
        assert "the tables are another user's" in only(findings["PostgreSQL"], "warning")
        assert states(findings)["migrations"] == {"ok"}

    async def test_to_no_schema(self, own: Settings, role: str) -> None:
        await sql(own, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
        findings = await with_database(own, as_role(own, role))
        assert "may use no schema" in only(findings["PostgreSQL"], "failed")

    async def test_to_read_only(self, own: Settings, role: str) -> None:
        await sql(own, f"ALTER ROLE {role} SET default_transaction_read_only = on")
        findings = await with_database(own, as_role(own, role))
        assert "it takes no writes" in only(findings["PostgreSQL"], "failed")

    async def test_to_few_connections(self, own: Settings, role: str) -> None:
        await sql(own, f"ALTER ROLE {role} SUPERUSER CONNECTION LIMIT 20")
        findings = await with_database(own, as_role(own, role))
        assert only(findings["PostgreSQL"], "warning").startswith(
            "35 connections are needed at most, and this user gets 20: lower"
        )
        two = {"TICKBOX_DATABASE_POOL_SIZE": "8", "TICKBOX_WORKERS": "2"}
        url = {"TICKBOX_DATABASE_URL": as_role(own, role)}
        assert only((await examined(own, **two, **url))["PostgreSQL"], "ok")
        three = two | {"TICKBOX_WORKERS": "3"}
        assert only((await examined(own, **three, **url))["PostgreSQL"], "warning")


async def test_what_goes_over_a_network_in_the_clear(settings: Settings) -> None:
    """By a name of this machine that does not say that it is this one."""
    async with before_postgres(url_of(settings), None) as proxy:

        async def found(host: str, query: str = "") -> Found:
            return await with_database(settings, through(url_of(settings), proxy, query, host))

        said = only((await found("2130706433"))["PostgreSQL"], "warning")
        assert "in the clear: add `?sslmode=verify-full`" in said
        assert states(await found("127.0.0.1"))["PostgreSQL"] == {"ok"}
        assert states(await found("127.0.0.1", "sslmode=require"))["PostgreSQL"] == {"failed"}


class TestMigrations:
    async def test_that_are_behind(self, own: Settings) -> None:
        await asyncio.to_thread(migrations.downgrade, url_of(own), "-1")
        findings = await examined(own)
        assert "is 1 step behind: run `tickbox migrate`" in only(findings["migrations"], "failed")

    async def test_that_are_of_something_newer(self, own: Settings) -> None:
        await sql(own, "UPDATE alembic_version SET version_num = 'f00f00f00f00'")
        findings = await examined(own)
        assert "is of a newer Tickbox" in only(findings["migrations"], "failed")
        await sql(own, f"INSERT INTO alembic_version VALUES ('{migrations.head()}')")
        findings = await examined(own)
        assert states(findings)["migrations"] == {"failed"}

    @pytest.mark.parametrize(
        "command", ["DELETE FROM alembic_version", "DROP TABLE alembic_version"]
    )
    async def test_that_never_were(self, own: Settings, command: str) -> None:
        await sql(own, command)
        findings = await examined(own)
        assert "there is no schema yet" in only(findings["migrations"], "warning")
