"""Commands beside a `tickbox serve` that runs on the same data folder."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.embedded import processes
from tests.commands import environment, invoke
from tests.people import PASSWORD
from tests.run.processes import Tickbox


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        yield Path(folder)


def test_they_use_its_servers(folder: Path) -> None:
    # No socket's address could hold this.
    data_dir = folder / "a, b%20" / ("ü" * 50)
    env = environment(TICKBOX_DATA_DIR=str(data_dir))
    serving = Tickbox(data_dir)
    try:
        address = serving.wait_until_ready()
        create = ("user", "create", "--email", "ada@example.com", "--password-stdin")
        created = invoke(*create, env=env, typed=PASSWORD)
        assert (created.code, created.errors) == (0, "")
        form = {"grant_type": "password", "username": "ada@example.com", "password": PASSWORD}
        assert httpx.post(f"{address}/v1/oauth/token", data=form).status_code == 200
        for command in ("migrate", "purge", "doctor"):
            done = invoke(command, env=env)
            assert (done.code, done.errors) == (0, ""), done
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
        assert processes.lock(data_dir / "lock", stack)
        [refusal] = invoke("purge", env=env).refusals
        assert "if it is just starting or ending, try again" in refusal
        # Servers that are gone.
        (data_dir / "sockets").symlink_to(data_dir)
        [refusal] = invoke("purge", env=env).refusals
        assert refusal.startswith("The database cannot be reached")


def test_without_a_schema_they_say_what_comes_first(folder: Path) -> None:
    env = environment(TICKBOX_DATA_DIR=str(folder / "fresh"))
    refusals = invoke("purge", env=env).refusals
    [refusal] = refusals
    assert refusal.startswith("The schema is behind, or not this user's: run `tickbox migrate`")
    assert invoke("migrate", env=env).code == 0
    # Those that are not there run for the doctor alone.
    done = invoke("doctor", env=env)
    assert (done.code, done.errors) == (0, "")
    assert {line.split()[0] for line in done.output.splitlines()} == {"ok"}
