"""Each server here is a real one; one cluster is made for the module, and each test starts it."""

import asyncio
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.settings import Settings, StartError
from app.embedded.stores import embedded

CHOSEN_KEY = "chosen-by-the-user-0123456789abcdefghij"


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    # Not below pytest's folder: as root another user has to pass, and pytest closes it again.
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        data_dir = Path(folder) / "data"
        # As a start that was killed amid initdb left it.
        left = data_dir / "postgres" / "data.new"
        left.mkdir(parents=True)
        (left / "PG_VERSION").write_text("18\n")
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            for path in (left.parent, left, left / "PG_VERSION"):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        with embedded(Settings(data_dir=data_dir), durable=False) as settings:
            query(settings, "CREATE TABLE marks (mark text)")
            query(settings, "INSERT INTO marks VALUES ('kept') RETURNING mark")
        yield data_dir


@pytest.fixture
def tmpfs(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A small file system of its own, of the size (a parameter) in MB."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if not mount or not umount:
        pytest.skip("there is no mount command")
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        command = [mount, "-t", "tmpfs", "-o", f"size={request.param}m", "tmpfs", folder]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("this user may not mount a file system")
        try:
            yield Path(folder)
        finally:
            subprocess.run([umount, folder], check=True)


def value(secret: SecretStr | None) -> str:
    assert secret is not None
    return secret.get_secret_value()


def query(settings: Settings, sql: str) -> Any:
    """The first value of the answer, if there is one."""

    async def ask() -> Any:
        engine = create_async_engine(value(settings.database_url))
        try:
            async with engine.begin() as connection:
                result = await connection.execute(text(sql))
                return result.scalar() if result.returns_rows else None
        finally:
            await engine.dispose()

    return asyncio.run(ask())


def redis_options(settings: Settings) -> dict[Any, Any]:
    async def ask() -> dict[Any, Any]:
        async with Redis.from_url(value(settings.redis_url), decode_responses=True) as redis:
            return dict(await redis.config_get("*"))

    return asyncio.run(ask())


def servers_of(data_dir: Path) -> list[psutil.Process]:
    def works_there(process: psutil.Process) -> bool:
        try:
            return Path(process.cwd()).is_relative_to(data_dir)
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if works_there(process)]


def refusal(data_dir: Path) -> str:
    """Why it does not start, in its own words or in those of the log that it names."""
    with (
        pytest.raises((StartError, OSError)) as caught,
        embedded(Settings(data_dir=data_dir), durable=False),
    ):
        pass
    assert servers_of(data_dir) == []
    text = str(caught.value)
    assert "\n" not in text
    log = re.search(r"does not start: (.+) says why", text)
    return Path(log[1]).read_text() if log else text


def test_runs_servers_for_the_length_of_the_block_and_finds_the_data_again(data_dir: Path) -> None:
    with embedded(Settings(data_dir=data_dir), durable=False) as settings:
        assert query(settings, "SELECT mark FROM marks") == "kept"
        assert redis_options(settings)["maxmemory-policy"] == "volatile-ttl"
        servers = servers_of(data_dir)
        assert {"postgres", "valkey-server"} <= {server.name() for server in servers}
        # A Ctrl-C in the terminal goes to this process's session only.
        assert os.getsid(0) not in {os.getsid(server.pid) for server in servers}
        assert [server.net_connections("inet") for server in servers if server.is_running()] == [
            [] for _ in servers
        ]
    assert servers_of(data_dir) == []


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
def test_database_is_plain_and_as_durable_as_asked(
    data_dir: Path, durable: bool, fsync: str
) -> None:
    with embedded(Settings(data_dir=data_dir), durable=durable) as settings:
        assert query(settings, "SHOW fsync") == fsync
        assert int(query(settings, "SHOW max_connections")) >= 120
        locale = "SELECT pg_encoding_to_char(encoding) || ' ' || datlocale FROM pg_database"
        assert query(settings, f"{locale} WHERE datname = current_database()") == "UTF8 C.UTF-8"


def test_keys_are_private_and_kept(data_dir: Path) -> None:
    with embedded(Settings(data_dir=data_dir), durable=False) as first:
        pass
    with embedded(Settings(data_dir=data_dir), durable=False) as second:
        assert (first.secret_key, first.signing_keys) == (second.secret_key, second.signing_keys)
        # Whoever signs up here is let in by who runs it.
        assert second.trust_unverified_email is True
    keys = data_dir / "keys"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()} == {
        "secret_key": 0o600,
        "signing_key.pem": 0o600,
    }
    assert value(first.signing_keys).startswith("-----BEGIN PRIVATE KEY-----")
    # What it makes would pass as a setting.
    assert Settings(secret_key=first.secret_key).secret_key == first.secret_key


def test_keys_that_are_set_win(data_dir: Path) -> None:
    key = SecretStr(CHOSEN_KEY)
    chosen = Settings(data_dir=data_dir, secret_key=key, trust_unverified_email=False)
    with embedded(chosen, durable=False) as settings:
        assert value(settings.secret_key) == CHOSEN_KEY
        assert settings.signing_keys is not None
        assert settings.trust_unverified_email is False


def test_second_tickbox_on_the_folder_is_told_which_process_has_it(data_dir: Path) -> None:
    with embedded(Settings(data_dir=data_dir), durable=False) as settings:
        with (
            pytest.raises(StartError, match=rf"Another Tickbox \(process {os.getpid()}\)"),
            embedded(Settings(data_dir=data_dir), durable=False),
        ):
            pass
        assert query(settings, "SELECT mark FROM marks") == "kept"


def test_marks_of_a_power_cut_do_not_stop_the_start(data_dir: Path) -> None:
    """They name a process that is another program's by now, of the same user."""
    home = data_dir / "postgres"
    owner = {"user": home.stat().st_uid} if os.geteuid() == 0 else {}
    # mypy cannot match **owner with an overload.
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd="/", **owner) as other:  # type: ignore[call-overload]
        mark = f"{other.pid}\n{home / 'data'}\n1\n5432\n{home}\n\n 1 1\nready\n"
        path = home / "data" / "postmaster.pid"
        path.write_text(mark)
        path.chmod(0o600)
        os.chown(path, home.stat().st_uid, home.stat().st_gid)
        (data_dir / "sockets").symlink_to(home)
        with embedded(Settings(data_dir=data_dir), durable=False) as settings:
            assert query(settings, "SELECT mark FROM marks") == "kept"
        assert other.poll() is None


def test_starts_again_after_its_process_was_killed(data_dir: Path) -> None:
    program = (
        "import sys\nfrom app.core.settings import Settings\n"
        "from app.embedded.stores import embedded\n"
        f"with embedded(Settings(data_dir={str(data_dir)!r}), durable=False):\n"
        "    print('ready', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tickbox:
        assert tickbox.stdout is not None
        assert tickbox.stdout.readline() == b"ready\n"
        left = servers_of(data_dir)
        assert left
        tickbox.kill()
    # They end by themselves, and a start waits for it.
    with embedded(Settings(data_dir=data_dir), durable=False) as settings:
        assert query(settings, "SELECT mark FROM marks") == "kept"
        assert not set(left) & set(servers_of(data_dir))
    assert servers_of(data_dir) == []


def test_folder_may_move_to_where_socket_addresses_do_not_reach(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        temporary = Path(folder) / "sockets"
        temporary.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        moved = Path(folder) / "a, b%20" / ("ü" * 50) / '"long"'
        moved.parent.mkdir(parents=True)
        shutil.move(data_dir, moved)
        try:
            with embedded(Settings(data_dir=moved), durable=False) as settings:
                assert query(settings, "SELECT mark FROM marks") == "kept"
                assert redis_options(settings)["port"] == "0"
                [sockets] = temporary.iterdir()
                assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
            assert list(temporary.iterdir()) == []
        finally:
            shutil.move(moved, data_dir)


@pytest.mark.parametrize("below", ["", "below"])
def test_file_instead_of_a_folder(tmp_path: Path, below: str) -> None:
    path = tmp_path / "file"
    path.touch()
    assert re.search("File exists|Not a directory", refusal(path / below))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_of_another_user(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "Permission denied" in refusal(tmp_path / "data")


@pytest.mark.parametrize("tmpfs", [16], indirect=True)
def test_disk_too_small_for_the_data(tmpfs: Path) -> None:
    assert "No space left" in refusal(tmpfs / "data")


@pytest.mark.parametrize("tmpfs", [80], indirect=True)
def test_disk_that_became_read_only(tmpfs: Path) -> None:
    with embedded(Settings(data_dir=tmpfs / "data"), durable=False):
        pass
    subprocess.run(["mount", "-o", "remount,ro", tmpfs], check=True)
    assert "Read-only" in refusal(tmpfs / "data")


def test_data_of_another_postgresql(data_dir: Path) -> None:
    version = data_dir / "postgres" / "data" / "PG_VERSION"
    kept = version.read_text()
    version.write_text("15\n")
    try:
        assert "database files are incompatible with server" in refusal(data_dir)
    finally:
        version.write_text(kept)


def test_wheels_that_are_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "install tickbox[embedded]" in refusal(tmp_path / "data")
