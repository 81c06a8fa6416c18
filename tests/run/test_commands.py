"""Commands beside a `tickbox serve` that runs on the same data folder."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.core import data_folder
from app.core.processes import end_leftovers
from tests.commands import environment, run
from tests.people import PASSWORD
from tests.run.processes import Tickbox


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        yield Path(folder)
        end_leftovers({"postgres", "initdb", "valkey-server"}, [Path(folder)], "")


@pytest.mark.parametrize("name", ["data", "a, b%20/" + "ü" * 50])
def test_they_use_its_servers(folder: Path, name: str) -> None:
    data_dir = folder / name
    env = environment(TICKBOX_DATA_DIR=str(data_dir))
    serving = Tickbox(data_dir)
    try:
        address = serving.wait_until_ready()
        create = ("user", "create", "--email", "ada@example.com", "--password-stdin")
        created = run(*create, env=env, typed=PASSWORD)
        assert (created.code, created.errors) == (0, "")
        form = {"grant_type": "password", "username": "ada@example.com", "password": PASSWORD}
        assert httpx.post(f"{address}/v1/oauth/token", data=form).status_code == 200
        assert run("migrate", env=env).code == 0
        purged = run("purge", env=env)
        assert (purged.code, purged.errors) == (0, "")
        assert httpx.get(f"{address}/readyz").status_code == 200
        serving.press_ctrl_c()
        code, errors = serving.end()
        assert code == 0
        assert "warning" not in errors
    finally:
        serving.process.kill()


def test_they_wait_for_nobody_who_is_just_starting(folder: Path) -> None:
    data_dir = folder / "starting"
    data_dir.mkdir()
    env = environment(TICKBOX_DATA_DIR=str(data_dir))
    with ExitStack() as stack:
        lock = data_folder.lock(data_dir, stack)
        [refusal] = run("purge", env=env).refusals
        assert "is just starting or ending: try again" in refusal
        # Servers that are gone: it was killed, and its end is not yet noticed.
        data_folder.announce(
            lock,
            database_url=f"postgresql+asyncpg://postgres@/tickbox?host={data_dir}&port=5432",
            redis_url=f"unix://{data_dir}/valkey.sock",
        )
        (data_dir / "keys").mkdir()
        [refusal] = run("purge", env=env).refusals
        assert refusal.startswith("The database cannot be reached")


def test_without_a_schema_they_say_what_comes_first(folder: Path) -> None:
    env = environment(TICKBOX_DATA_DIR=str(folder / "fresh"))
    assert run("purge", env=env).refusals == ["The schema is behind: run `tickbox migrate` first."]
    assert run("migrate", env=env).code == 0
    assert run("purge", env=env).code == 0
