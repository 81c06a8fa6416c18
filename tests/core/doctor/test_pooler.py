"""`tickbox doctor` on what is between Tickbox and PostgreSQL."""

import pytest
from sqlalchemy import make_url

from app.core.config import Settings
from tests import servers
from tests.core.doctor.examined import CANARY, examined, only
from tests.core.pooled import IGNORED, needs_pgbouncer
from tests.pgbouncer import pgbouncer

DIRECT = {"TICKBOX_DATABASE_DIRECT_URL": "", "TICKBOX_DATABASE_POOL_MODE": "session"}


async def test_there_is_none(settings: Settings) -> None:
    findings = await examined(
        settings, TICKBOX_PORT="0", **DIRECT, TICKBOX_DATABASE_URL=settings.migration_url
    )
    assert only(findings["pooler"], "ok") == "none is set, and none is found"


async def test_the_database_is_away(settings: Settings) -> None:
    url = "postgresql://127.0.0.1:1/tickbox"
    findings = await examined(settings, TICKBOX_PORT="0", **DIRECT, TICKBOX_DATABASE_URL=url)
    assert only(findings["pooler"], "skipped") == "PostgreSQL was not reached"


@needs_pgbouncer
class TestPgBouncer:
    @pytest.mark.parametrize("more", ["", IGNORED])
    async def test_nobody_told_of_it(self, settings: Settings, more: str) -> None:
        with pgbouncer(settings.migration_url, more=more) as url:
            findings = await examined(
                settings, TICKBOX_PORT="0", **DIRECT, TICKBOX_DATABASE_URL=url
            )
        assert "set TICKBOX_DATABASE_POOL_MODE" in only(findings["pooler"], "failed")

    async def test_it_is_as_it_should(self, settings: Settings) -> None:
        with pgbouncer(settings.migration_url) as url:
            findings = await examined(settings, TICKBOX_PORT="0", **self.through(settings, url))
        assert "for a transaction" in only(findings["pooler"], "ok")
        assert findings["PostgreSQL"][0].state == "ok"

    async def test_it_is_away(self, settings: Settings) -> None:
        url = "postgresql://127.0.0.1:1/tickbox"
        findings = await examined(settings, TICKBOX_PORT="0", **self.through(settings, url))
        assert only(findings["pooler"], "failed") == (
            "nothing listens there; mend that, or TICKBOX_DATABASE_URL"
        )

    async def test_it_keeps_sessions(self, settings: Settings) -> None:
        with pgbouncer(settings.migration_url, servers=20, mode="session") as url:
            findings = await examined(
                settings, TICKBOX_PORT="0", **DIRECT, TICKBOX_DATABASE_URL=url
            )
        assert "as long as it is open" in only(findings["pooler"], "ok")
        assert findings["PostgreSQL"][0].state == "ok"
        assert findings["migrations"][0].state == "ok"

    async def test_it_has_no_such_database(self, settings: Settings) -> None:
        with pgbouncer(settings.migration_url) as url:
            through = self.through(settings, servers.sibling(url, CANARY))
            findings = await examined(settings, TICKBOX_PORT="0", **through)
        assert "it has no database of that name; mend" in only(findings["pooler"], "failed")

    async def test_it_does_not_let_the_user_in(self, settings: Settings) -> None:
        known_to_nobody = "auth_type = trust\nauth_file = /dev/null"
        with pgbouncer(settings.migration_url, more=known_to_nobody) as url:
            findings = await examined(settings, TICKBOX_PORT="0", **self.through(settings, url))
        assert "the user or the password is wrong; mend" in only(findings["pooler"], "failed")

    async def test_the_database_does_not_know_its_user(self, settings: Settings) -> None:
        url = make_url(settings.migration_url).set(username=CANARY)
        with pgbouncer(url.render_as_string(hide_password=False)) as url_of_pooler:
            through = self.through(settings, url_of_pooler)
            findings = await examined(settings, TICKBOX_PORT="0", **through)
        assert "it does not know the user" in only(findings["pooler"], "failed")

    async def test_it_speaks_no_tls(self, settings: Settings) -> None:
        with pgbouncer(settings.migration_url) as url:
            through = self.through(settings, f"{url}?sslmode=require")
            findings = await examined(settings, TICKBOX_PORT="0", **through)
        assert "it speaks no TLS; mend" in only(findings["pooler"], "failed")

    async def test_it_has_no_connection_to_give(self, settings: Settings) -> None:
        away = "postgresql://postgres@127.0.0.1:1/tickbox"
        patience = "query_wait_timeout = 1\nserver_login_retry = 1"
        with pgbouncer(away, more=patience) as url:
            findings = await examined(settings, TICKBOX_PORT="0", **self.through(settings, url))
        assert "has no connection to give" in only(findings["pooler"], "failed")

    @staticmethod
    def through(settings: Settings, url: str) -> dict[str, str]:
        return {
            "TICKBOX_DATABASE_URL": url,
            "TICKBOX_DATABASE_DIRECT_URL": settings.migration_url,
            "TICKBOX_DATABASE_POOL_MODE": "transaction",
        }
