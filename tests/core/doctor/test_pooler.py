"""`tickbox doctor` on what is between Tickbox and PostgreSQL."""

import pytest

from app.core.config import Settings
from tests.core.doctor.examined import examined, only
from tests.core.test_pooler import IGNORED, needs_pgbouncer
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
        assert "does not answer" in only(findings["pooler"], "failed")

    @staticmethod
    def through(settings: Settings, url: str) -> dict[str, str]:
        return {
            "TICKBOX_DATABASE_URL": url,
            "TICKBOX_DATABASE_DIRECT_URL": settings.migration_url,
            "TICKBOX_DATABASE_POOL_MODE": "transaction",
        }
