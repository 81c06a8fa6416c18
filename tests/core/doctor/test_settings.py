"""`tickbox doctor` on settings and keys."""

from pathlib import Path

import pytest

from app.core.config import Settings
from app.core.doctor.examination import CHECKS
from app.core.keys import kept_secret_key, kept_signing_key, new_signing_key
from tests.core.doctor.examined import CANARY, examined, only, states


async def test_all_is_well(valkey: Settings) -> None:
    findings = await examined(valkey, TICKBOX_PORT="0")
    assert list(findings) == list(CHECKS)
    assert states(findings) == {name: {"ok"} for name in CHECKS}


async def test_every_setting_that_is_wrong_is_named_and_the_rest_looked_at(
    settings: Settings,
) -> None:
    wrong = {"TICKBOX_PORT": CANARY, "TICKBOX_LOG_LEVEL": CANARY, "TICKBOX_SECRET_KEY": CANARY}
    findings = await examined(settings, **wrong)
    assert {finding.state for finding in findings["settings"]} == {"failed"}
    named = [finding.text.split()[0].rstrip(":") for finding in findings["settings"]]
    assert sorted(named) == ["TICKBOX_LOG_LEVEL", "TICKBOX_PORT", "TICKBOX_SECRET_KEY"]
    assert only(findings["port"], "skipped") == "TICKBOX_PORT is not valid"
    assert only(findings["keys"], "skipped") == "TICKBOX_SECRET_KEY is not valid"
    assert states(findings)["PostgreSQL"] == states(findings)["migrations"] == {"ok"}


async def test_what_goes_together_is_looked_at_too(settings: Settings) -> None:
    findings = await examined(settings, TICKBOX_SIGNING_KEYS="", TICKBOX_PORT="x")
    [port, together] = findings["settings"]
    assert port.text.startswith("TICKBOX_PORT: ")
    assert together.text.startswith("TICKBOX_SIGNING_KEYS is missing")

    findings = await examined(settings, TICKBOX_REDIS_URL="")
    assert "are set together" in only(findings["settings"], "failed")
    assert only(findings["Redis"], "skipped") == "TICKBOX_REDIS_URL is not set"
    assert states(findings)["PostgreSQL"] == {"ok"}


@pytest.mark.parametrize(
    "url", [f"mysql://u:{CANARY}@h/d", f"postgresql://u:{CANARY}@h:x/d", CANARY]
)
async def test_a_url_that_is_wrong_is_not_taken_for_none(settings: Settings, url: str) -> None:
    findings = await examined(settings, TICKBOX_DATABASE_URL=url)
    assert only(findings["settings"], "failed").startswith("TICKBOX_DATABASE_URL ")
    assert only(findings["PostgreSQL"], "skipped") == "TICKBOX_DATABASE_URL is not valid"
    assert states(findings)["migrations"] == states(findings)["time zones"] == {"skipped"}
    assert only(findings["data folder"], "ok") == "not used: the servers are given"


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
        ("TICKBOX_DATABSE_POOL_SIZE", "TICKBOX_DATABASE_POOL_SIZE may be meant"),
        ("TICKBOX_LOGLEVEL", "TICKBOX_LOG_LEVEL may be meant"),
        ("TICKBOX_XYZZY", "`tickbox settings` lists them all"),
    ]


@pytest.mark.parametrize("issuer", ["", "tickbox", "todo.example", "ftp://todo.example"])
async def test_an_issuer_that_is_no_url_leaves_addresses_to_the_host(
    settings: Settings, issuer: str
) -> None:
    findings = await examined(settings, TICKBOX_ISSUER=issuer)
    [text] = [finding.text for finding in findings["settings"] if finding.state == "warning"]
    assert text == (
        "the metadata at /.well-known/oauth-authorization-server name whatever Host a request "
        "names: set TICKBOX_ISSUER to the service's URL"
    )


@pytest.mark.parametrize("issuer", ["https://todo.example", "http://10.0.0.7:8000/tickbox"])
async def test_an_issuer_that_is_a_url_is_well(settings: Settings, issuer: str) -> None:
    findings = await examined(settings, TICKBOX_ISSUER=issuer)
    assert states(findings)["settings"] == {"ok"}


async def test_an_embedded_one_need_not_know_its_url(tmp_path: Path) -> None:
    findings = await examined(TICKBOX_DATA_DIR=str(tmp_path / "data"), TICKBOX_PORT="0")
    assert states(findings)["settings"] == {"ok"}


async def test_a_platforms_own_names_are_not_ours(tmp_path: Path) -> None:
    data_dir = str(tmp_path / "data")
    findings = await examined(
        DATABASE_URL=f"postgres://u:{CANARY}@h/d", TICKBOX_DATA_DIR=data_dir, TICKBOX_PORT="0"
    )
    [platform] = [finding for finding in findings["settings"] if finding.state == "warning"]
    assert platform.text.startswith("DATABASE_URL is set, and is not read")
    assert data_dir in platform.text


class TestKeys:
    async def test_that_are_none(self, settings: Settings) -> None:
        findings = await examined(settings, TICKBOX_SIGNING_KEYS=CANARY)
        assert "takes EC P-256 private keys" in only(findings["keys"], "failed")

    async def test_that_are_several(self, settings: Settings) -> None:
        keys = [new_signing_key() for _ in range(3)]
        findings = await examined(settings, TICKBOX_SIGNING_KEYS="".join(keys))
        assert only(findings["keys"], "ok").startswith("3 EC P-256 keys")
        findings = await examined(settings, TICKBOX_SIGNING_KEYS="".join([*keys, keys[0]]))
        assert "the same key more than once" in only(findings["keys"], "warning")

    async def test_that_others_can_read(self, tmp_path: Path) -> None:
        folder = tmp_path / "keys"
        folder.mkdir(mode=0o755)
        kept_secret_key(folder)
        kept_signing_key(folder)
        (folder / "signing_key.pem").chmod(0o644)

        findings = await examined(TICKBOX_DATA_DIR=str(tmp_path))

        texts = [finding.text for finding in findings["keys"]]
        assert {finding.state for finding in findings["keys"]} == {"failed"}
        assert len(texts) == 2
        assert "`chmod 700` it" in texts[0]
        assert f"{folder}/signing_key.pem: `chmod 600` it" in texts[1]
