"""`tickbox doctor` on PostgreSQL: each trouble is a real one."""

import asyncio
import socket
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import make_url

from app.cli.doctor import postgres
from app.core.clock import utc_now
from app.core.settings import Settings
from app.database import migrations
from tests import servers
from tests.cli.doctor.conftest import Cluster
from tests.cli.doctor.examined import CANARY, Found, examined, examined_at, only, states, url_of
from tests.database.pooled import needs_pgbouncer
from tests.pgbouncer import pgbouncer


async def with_database(settings: Settings, url: str) -> Found:
    return await examined(
        settings,
        TICKBOX_DATABASE_URL=url,
        TICKBOX_DATABASE_DIRECT_URL="",
        TICKBOX_DATABASE_POOL_MODE="none",
    )


def as_role(settings: Settings, role: str) -> str:
    return make_url(url_of(settings)).set(username=role).render_as_string(hide_password=False)


async def sql(settings: Settings, statement: str) -> None:
    await servers.run_sql(url_of(settings), statement)


class TestAway:
    @pytest.mark.parametrize(
        ("host", "said"),
        [
            ("127.0.0.1:1", "at 127.0.0.1: connection refused; mend that"),
            ("nowhere.invalid", "at nowhere.invalid: there is no host of that name"),
        ],
    )
    async def test_it_is_not_there(self, valkey: Settings, host: str, said: str) -> None:
        url = f"postgresql://u:{CANARY}@{host}/{CANARY}"
        findings = await with_database(valkey, url)
        assert only(findings["PostgreSQL"], "failed").startswith(said)
        assert states(findings)["migrations"] == states(findings)["clock"] == {"skipped"}
        assert states(findings)["Redis"] == {"ok"}

    async def test_it_is_silent(self, settings: Settings) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as silent:
            url = f"postgresql://u:{CANARY}@127.0.0.1:{silent.getsockname()[1]}/d"
            findings = await examined(
                settings, TICKBOX_DATABASE_URL=url, TICKBOX_STATEMENT_TIMEOUT="0.1"
            )
        assert "at 127.0.0.1: it does not answer in time" in only(findings["PostgreSQL"], "failed")

    async def test_there_is_no_socket(self, settings: Settings) -> None:
        findings = await with_database(settings, "postgresql://postgres@/d?host=/nowhere")
        assert "at /nowhere: no such file or directory" in only(findings["PostgreSQL"], "failed")

    async def test_it_has_no_such_database(self, settings: Settings) -> None:
        findings = await with_database(settings, servers.sibling(url_of(settings), CANARY))
        assert "has no database of that name" in only(findings["PostgreSQL"], "failed")


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


async def test_a_standby_is_no_primary_and_may_be_a_replica(
    settings: Settings, cluster: Cluster
) -> None:
    """A real one, of a primary that it has lost."""
    standby = await asyncio.to_thread(cluster.start)
    await asyncio.to_thread(migrations.upgrade, url_of(standby))
    cluster.write("standby.signal", "")
    standby = await asyncio.to_thread(cluster.start)
    findings = await with_database(standby, url_of(standby))
    assert "name the primary" in only(findings["PostgreSQL"], "failed")
    assert states(findings)["migrations"] == {"ok"}
    findings = await examined(settings, TICKBOX_DATABASE_READ_URL=url_of(standby))
    assert states(findings)["PostgreSQL"] == {"ok"}


async def test_a_replica_that_is_away(settings: Settings) -> None:
    findings = await examined(settings, TICKBOX_DATABASE_READ_URL="postgresql://u@127.0.0.1:1/d")
    [primary, replica] = findings["PostgreSQL"]
    assert primary.state == "ok"
    assert replica.state == "failed"
    assert replica.text.endswith("connection refused; mend that, or TICKBOX_DATABASE_READ_URL")


async def test_a_version_that_is_too_old(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "OLDEST", 99)
    findings = await examined(settings)
    assert "upgrade it to 99 or later" in only(findings["PostgreSQL"], "failed")


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
        assert "`GRANT USAGE, CREATE ON SCHEMA public TO` it" in create
        assert "the user may not use its tables" in use
        assert states(findings)["migrations"] == {"skipped"}

    async def test_to_use_tables_of_somebody_else(self, own: Settings, role: str) -> None:
        await sql(own, f"GRANT CREATE ON SCHEMA public TO {role}")
        await sql(own, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
        findings = await with_database(own, as_role(own, role))
        assert states(findings)["PostgreSQL"] == states(findings)["migrations"] == {"ok"}

    async def test_to_no_schema(self, own: Settings, role: str) -> None:
        await sql(own, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
        findings = await with_database(own, as_role(own, role))
        assert "may not make tables" in findings["PostgreSQL"][0].text

    async def test_to_read_only(self, own: Settings, role: str) -> None:
        await sql(own, f"ALTER ROLE {role} SET default_transaction_read_only = on")
        findings = await with_database(own, as_role(own, role))
        assert "it takes no writes" in findings["PostgreSQL"][0].text

    async def test_to_few_connections(self, own: Settings, role: str) -> None:
        await sql(own, f"ALTER ROLE {role} SUPERUSER CONNECTION LIMIT 20")
        findings = await with_database(own, as_role(own, role))
        assert only(findings["PostgreSQL"], "warning").startswith(
            "37 connections are needed at most, and this user gets 20: lower"
        )
        two = {"TICKBOX_DATABASE_POOL_SIZE": "6", "TICKBOX_WORKERS": "2"}
        url = {"TICKBOX_DATABASE_URL": as_role(own, role)}
        assert only((await examined(own, **two, **url))["PostgreSQL"], "ok")
        three = two | {"TICKBOX_WORKERS": "3"}
        assert only((await examined(own, **three, **url))["PostgreSQL"], "warning")


class TestMigrations:
    async def test_that_are_behind(self, own: Settings) -> None:
        await asyncio.to_thread(servers.downgrade, url_of(own), "-1")
        findings = await examined(own)
        text = only(findings["migrations"], "failed")
        assert text == "the schema is behind, by 1 of its steps: run `tickbox migrate`"

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


@pytest.mark.parametrize(
    ("seconds", "state", "said"),
    [
        (10, "warning", "is 10 s ahead of"),
        (-10, "warning", "is 10 s behind"),
        (100, "failed", "is 100 s ahead of"),
        (-100, "failed", "is 100 s behind"),
    ],
)
async def test_clocks_that_disagree(
    settings: Settings, seconds: int, state: str, said: str
) -> None:
    findings = await examined_at(lambda: utc_now() + timedelta(seconds=seconds), settings)
    text = only(findings["clock"], state)
    assert text == f"this machine's {said} PostgreSQL's: set both by NTP"


async def test_a_clock_that_stands_still(settings: Settings) -> None:
    stopped = utc_now() - timedelta(hours=1)
    findings = await examined_at(lambda: stopped, settings)
    assert states(findings)["clock"] == {"failed"}


@needs_pgbouncer
class TestPooler:
    async def test_nobody_told_of_it(self, settings: Settings) -> None:
        with pgbouncer(settings.migration_url) as url:
            findings = await with_database(settings, url)
        assert "set TICKBOX_DATABASE_POOL_MODE" in only(findings["PostgreSQL"], "failed")

    async def test_it_is_as_it_should(self, settings: Settings) -> None:
        with pgbouncer(settings.migration_url) as url:
            findings = await self.through(settings, url)
        assert states(findings)["PostgreSQL"] == {"ok"}

    async def test_it_is_away(self, settings: Settings) -> None:
        findings = await self.through(settings, "postgresql://127.0.0.1:1/tickbox")
        [direct, pooled] = findings["PostgreSQL"]
        assert direct.state == "ok"
        assert pooled.state == "failed"
        assert pooled.text.endswith("connection refused; mend that, or TICKBOX_DATABASE_URL")

    @staticmethod
    async def through(settings: Settings, url: str) -> Found:
        return await examined(
            settings,
            TICKBOX_DATABASE_URL=url,
            TICKBOX_DATABASE_DIRECT_URL=settings.migration_url,
            TICKBOX_DATABASE_POOL_MODE="transaction",
        )
