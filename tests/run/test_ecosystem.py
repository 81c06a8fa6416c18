"""What others do with Tickbox: another ASGI server runs it, a developer changes a file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.core.settings import Settings, SettingsError
from app.main import create_app
from tests import commands
from tests.run.processes import READY

SECONDS = 60
RUNNING = "Uvicorn running on "


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """What names the tests' own servers, and nothing else of Tickbox."""
    names = ("database_url", "redis_url", "secret_key", "signing_keys")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TICKBOX_")}
    return clean | {
        f"TICKBOX_{name.upper()}": getattr(settings, name).get_secret_value() for name in names
    }


def line_with(process: subprocess.Popen[str], text: str) -> str:
    """The next line that has this in it."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    pytest.fail(f"it has ended without {text!r}")


def test_uvicorn_serves_it(environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "uvicorn", "--factory", "app.main:create_app", "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            url = line_with(process, RUNNING).partition(RUNNING)[2].split()[0]
            ready = httpx.get(f"{url}/readyz", timeout=SECONDS)
            assert (ready.status_code, ready.json()["status"]) == (200, "ready")
            assert httpx.get(f"{url}/metrics").status_code == 404
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) in {0, -signal.SIGTERM}
        finally:
            process.kill()


def test_without_stores_it_says_what_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("TICKBOX_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TICKBOX_DATA_DIR", str(folder / "unused"))
    with pytest.raises(SettingsError, match="TICKBOX_DATABASE_URL is missing"):
        create_app()
    assert not (folder / "unused").exists()


def test_a_changed_file_is_served(environment: dict[str, str], tmp_path: Path) -> None:
    # A package of its own beside the real one, so that nothing of it is changed; with the times of
    # its files, so that what was compiled counts.
    sources = Path(__file__).parents[2] / "app"
    copied = tmp_path / "app"
    subprocess.run(["cp", "-rp", str(sources), str(copied)], check=True)
    migrations = sources.parent / "migrations"
    (tmp_path / "migrations").symlink_to(migrations)
    (tmp_path / "alembic.ini").symlink_to(sources.parent / "alembic.ini")
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--reload"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            found = READY.fullmatch(line_with(process, "ready"))
            assert found is not None
            health = copied / "web" / "health.py"
            text = health.read_text()
            # What tells of it stands in the document.
            health.write_text(text.replace("The process answers.", "It has changed."))
            line_with(process, "ready")
            assert "It has changed." in httpx.get(f"{found[1]}/openapi.json").text
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()


def test_it_is_for_one_process() -> None:
    run = commands.invoke("serve", "--workers", "2", "--reload", env=commands.environment())
    assert run.refusals == ["TICKBOX_WORKERS is for serving without --reload."]
