"""`tickbox doctor` as a command: what it prints, its exit code, and that it disturbs nobody."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.core.config import Settings
from app.core.doctor.examination import CHECKS
from app.core.processes import end_leftovers
from tests.commands import environment, run
from tests.core.doctor.examined import CANARY
from tests.run.processes import Tickbox


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        yield Path(folder)
        end_leftovers({"postgres", "initdb", "valkey-server"}, [Path(folder)], "")


def test_a_line_a_check(valkey: Settings) -> None:
    env = environment(valkey, TICKBOX_PORT="0", TICKBOX_ISSUER="https://tickbox.example")
    done = run("doctor", env=env)
    assert (done.code, done.errors) == (0, "")
    lines = [line.split(maxsplit=1) for line in done.output.splitlines()]
    assert [state for state, _ in lines] == ["ok"] * len(CHECKS)
    assert [said.partition(": ")[0] for _, said in lines] == list(CHECKS)


def test_json(settings: Settings) -> None:
    done = run("doctor", "--json", env=environment(settings, TICKBOX_PORT="70000"))
    entries = json.loads(done.output)
    assert (done.code, done.errors) == (1, "")
    assert entries[0]["check"] == "settings"
    assert entries[0]["state"] == "failed"
    assert {entry["check"] for entry in entries} == set(CHECKS)


def test_nothing_secret_and_nothing_that_a_terminal_obeys(settings: Settings) -> None:
    secret = {
        "TICKBOX_DATABASE_URL": f"postgresql://{CANARY}:{CANARY}@127.0.0.1:1/{CANARY}",
        "TICKBOX_REDIS_URL": f"redis://{CANARY}:{CANARY}@127.0.0.1:1",
        "TICKBOX_SECRET_KEY": CANARY,
        "TICKBOX_SIGNING_KEYS": CANARY,
        "TICKBOX_\x1b[31mRED\r\n": CANARY,
        "TICKBOX_LOG_LEVEL": f"{CANARY}\n",
    }
    done = run("doctor", env=environment(settings, **secret))
    assert done.code == 1
    assert "geheim" not in done.output + done.errors
    assert not {"\x1b", "\r"} & set(done.output)
    assert {line.split()[0] for line in done.output.splitlines()} <= {
        "ok",
        "warning",
        "failed",
        "skipped",
    }


def test_beside_a_tickbox_and_without(folder: Path) -> None:
    data_dir = folder / "data"
    serving = Tickbox(data_dir)
    try:
        address = serving.wait_until_ready()
        port = str(httpx.URL(address).port)
        env = environment(TICKBOX_DATA_DIR=str(data_dir), TICKBOX_PORT=port)
        beside = run("doctor", env=env)
        assert httpx.get(f"{address}/readyz").status_code == 200
        serving.press_ctrl_c()
        code, errors = serving.end()
    finally:
        serving.process.kill()
    assert code == 0
    assert "warning" not in errors
    assert (beside.code, beside.errors) == (0, "")
    assert f"ok       port: Tickbox answers on {port}" in beside.output

    # Its servers are gone, and run for the doctor alone.
    without = run("doctor", env=env)
    assert (without.code, without.errors) == (0, "")
    for name in ("keys", "PostgreSQL", "migrations", "Redis"):
        assert f"ok       {name}: " in without.output
    assert f"{port} on 127.0.0.1 is free" in without.output
