"""`tickbox doctor` on settings, keys, and the embedded default."""

from pathlib import Path

import pytest

from app.cli.doctor import examination
from app.cli.doctor.examination import CHECKS
from app.core.settings import Settings
from app.embedded.keys import new_signing_key
from tests.cli.doctor.examined import CANARY, examined, only, states


async def test_all_is_well(valkey: Settings) -> None:
    findings = await examined(valkey)
    assert list(findings) == list(CHECKS)
    assert states(findings) == {name: {"ok"} for name in CHECKS}


async def test_every_setting_that_is_wrong_is_named(settings: Settings) -> None:
    wrong = {"TICKBOX_PORT": CANARY, "TICKBOX_LOG_LEVEL": CANARY, "TICKBOX_SECRET_KEY": CANARY}
    findings = await examined(settings, **wrong)
    assert {finding.state for finding in findings["settings"]} == {"failed"}
    named = [finding.text.split()[0].rstrip(":") for finding in findings["settings"]]
    assert sorted(named) == ["TICKBOX_LOG_LEVEL", "TICKBOX_PORT", "TICKBOX_SECRET_KEY"]
    del findings["settings"]
    assert states(findings) == {name: {"skipped"} for name in CHECKS[1:]}


async def test_what_goes_together_is_looked_at_too(settings: Settings) -> None:
    findings = await examined(settings, TICKBOX_REDIS_URL="")
    assert "are set together" in only(findings["settings"], "failed")


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{CANARY}@h/d",
        f"postgresql://u:{CANARY}@h:x/d",
        f"postgresql://u@h/d?geheim={CANARY}",
        CANARY,
    ],
)
async def test_a_url_that_is_wrong_is_not_taken_for_none(settings: Settings, url: str) -> None:
    findings = await examined(settings, TICKBOX_DATABASE_URL=url)
    assert only(findings["settings"], "failed").startswith("TICKBOX_DATABASE_URL ")
    assert states(findings)["PostgreSQL"] == {"skipped"}


async def test_typing_errors(settings: Settings) -> None:
    typos = {
        "TICKBOX_DATABSE_POOL_SIZE": "5",
        "TICKBOX_LOGLEVEL": "debug",
        "TICKBOX_XYZZY": CANARY,
        "tickbox_port": "0",  # known, whatever its case
    }
    findings = await examined(settings, **typos)
    texts = [finding.text for finding in findings["settings"]]
    assert {finding.state for finding in findings["settings"]} == {"warning"}
    assert [text.partition(" is no setting, and is not read: ")[::2] for text in texts] == [
        ("'TICKBOX_DATABSE_POOL_SIZE'", "see `tickbox settings`"),
        ("'TICKBOX_LOGLEVEL'", "see `tickbox settings`"),
        ("'TICKBOX_XYZZY'", "see `tickbox settings`"),
    ]


@pytest.mark.parametrize(
    ("issuer", "state"),
    [
        ("tickbox", "warning"),
        ("ftp://todo.example", "warning"),
        ("https://todo.example", "ok"),
        ("http://10.0.0.7:8000/tickbox", "ok"),
    ],
)
async def test_an_issuer_that_is_no_url_leaves_addresses_to_the_host(
    settings: Settings, issuer: str, state: str
) -> None:
    findings = await examined(settings, TICKBOX_ISSUER=issuer)
    text = only(findings["settings"], state)
    assert (state == "warning") == text.endswith("set TICKBOX_ISSUER to the service's URL")


async def test_keys(settings: Settings) -> None:
    findings = await examined(settings, TICKBOX_SIGNING_KEYS=CANARY)
    assert "takes EC P-256 private keys" in only(findings["keys"], "failed")
    keys = "".join(new_signing_key() for _ in range(3))
    findings = await examined(settings, TICKBOX_SIGNING_KEYS=keys)
    assert only(findings["keys"], "ok").startswith("3 for access tokens")


class TestEmbedded:
    async def test_servers_that_are_not_there_are_not_made(self, tmp_path: Path) -> None:
        findings = await examined(TICKBOX_DATA_DIR=str(tmp_path / "data"))
        assert only(findings["PostgreSQL"], "ok") == "none yet: the first start makes all"
        assert states(findings)["migrations"] == {"skipped"}
        # It need not know its URL.
        assert states(findings)["settings"] == {"ok"}
        assert not (tmp_path / "data").exists()

    async def test_servers_that_do_not_start(self, tmp_path: Path) -> None:
        (tmp_path / "postgres" / "data").mkdir(parents=True)
        findings = await examined(TICKBOX_DATA_DIR=str(tmp_path))
        assert "The embedded postgres does not start" in only(findings["PostgreSQL"], "failed")
        assert states(findings)["Redis"] == {"skipped"}

    async def test_a_platforms_own_names_are_not_ours(self, tmp_path: Path) -> None:
        data_dir = str(tmp_path / "data")
        findings = await examined(
            DATABASE_URL=f"postgres://u:{CANARY}@h/d", TICKBOX_DATA_DIR=data_dir
        )
        text = only(findings["settings"], "warning")
        assert text.startswith("DATABASE_URL is not read: set TICKBOX_DATABASE_URL")
        assert data_dir in text


async def test_a_check_that_breaks_off_leaves_the_others(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object) -> None:
        raise ValueError(CANARY)

    monkeypatch.setattr("app.cli.doctor.postgres._judged", break_off)
    findings = await examined(settings)
    text = only(findings["PostgreSQL"], "failed")
    assert text.startswith("it cannot be looked at (ValueError)")
    assert states(findings)["clock"] == {"skipped"}
    assert states(findings)["Redis"] != {"skipped"}


async def test_a_check_that_hangs_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "_SECONDS", 0)
    findings = await examined(settings)
    text = only(findings["PostgreSQL"], "failed")
    assert text.startswith("it cannot be looked at (TimeoutError)")
