"""`tickbox doctor` on the machine: folders, ports, files."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client import start_http_server

from app.core.config import Settings
from app.core.doctor import examination, machine
from app.core.doctor.case import Case
from app.core.doctor.finding import Finding, Findings, ok
from app.core.metrics import Metrics
from tests.commands import SECONDS, environment
from tests.core.doctor.examined import CANARY, cases, examined, found, only, states


@pytest.fixture
def tmpfs() -> Iterator[Path]:
    """A small file system in memory."""
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        if _mount("-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", folder) != 0:
            pytest.skip("this user may not mount a file system")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


@pytest.fixture
def read_only(tmpfs: Path) -> Path:
    assert _mount("-o", "remount,ro", str(tmpfs)) == 0
    return tmpfs


def _mount(*arguments: str) -> int:
    mount = shutil.which("mount")
    return subprocess.run([mount, *arguments], check=False).returncode if mount else 1


class TestDataFolder:
    async def test_that_is_not_there_is_not_made(self, tmp_path: Path) -> None:
        findings = await examined(TICKBOX_DATA_DIR=str(tmp_path / "data"), TICKBOX_PORT="0")
        assert "the first start makes it" in only(findings["data folder"], "ok")
        assert only(findings["PostgreSQL"], "ok") == "none yet: the first start makes it"
        assert states(findings)["migrations"] == {"skipped"}
        assert not (tmp_path / "data").exists()

    @pytest.mark.parametrize("below", ["", "below"])
    async def test_that_is_a_file(self, tmp_path: Path, below: str) -> None:
        (tmp_path / "file").touch()
        findings = await examined(TICKBOX_DATA_DIR=str(tmp_path / "file" / below))
        assert f"{tmp_path}/file is not a folder" in only(findings["data folder"], "failed")

    async def test_that_others_may_write_to(self, tmp_path: Path) -> None:
        os.chmod(tmp_path, 0o777)  # noqa: PTH101 - Path's would be one for ASYNC240
        findings = await examined(TICKBOX_DATA_DIR=str(tmp_path))
        assert "`chmod go-w`" in only(findings["data folder"], "warning")

    async def test_that_is_small_and_in_memory(self, tmpfs: Path) -> None:
        findings = await examined(TICKBOX_DATA_DIR=str(tmpfs))
        [space, memory] = findings["data folder"]
        assert (space.state, memory.state) == ("failed", "warning")
        assert space.text.startswith(f"4 MiB are free for {tmpfs}: make room")
        assert "is kept in memory (tmpfs)" in memory.text

    async def test_that_is_read_only(self, read_only: Path) -> None:
        findings = await examined(TICKBOX_DATA_DIR=str(read_only))
        assert "may not write to" in only(findings["data folder"], "failed")

    async def test_of_another_machine(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(machine, "_file_system", lambda _: "nfs4")
        findings = await examined(TICKBOX_DATA_DIR=str(tmp_path))
        assert "is on another machine (nfs4)" in only(findings["data folder"], "warning")

    async def test_whose_servers_do_not_start(self, tmp_path: Path) -> None:
        (tmp_path / "postgres" / "data").mkdir(parents=True)
        findings = await examined(TICKBOX_DATA_DIR=str(tmp_path))
        assert "PostgreSQL does not start" in findings["data folder"][-1].text
        assert only(findings["PostgreSQL"], "skipped") == "the embedded servers do not start"
        assert states(findings)["data folder"] >= {"failed"}


class TestPort:
    @pytest.fixture
    def listener(self) -> Iterator[socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield listener

    @pytest.fixture
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those who do not answer are not waited for."""
        monkeypatch.setattr(machine, "_SECONDS", 0.1)

    @pytest.mark.usefixtures("short")
    async def test_that_another_program_has(
        self, settings: Settings, listener: socket.socket
    ) -> None:
        port = listener.getsockname()[1]
        findings = await examined(settings, TICKBOX_PORT=str(port))
        assert f"Port {port} on 127.0.0.1 is in use: stop" in only(findings["port"], "failed")

    async def test_that_tickbox_has(
        self, settings: Settings, app: FastAPI, listener: socket.socket
    ) -> None:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve([listener]))
        port = listener.getsockname()[1]
        findings = await examined(settings, TICKBOX_PORT=str(port))
        server.should_exit = True
        await serving
        assert only(findings["port"], "ok") == f"Tickbox answers on {port} on 127.0.0.1"

    @pytest.mark.usefixtures("short")
    async def test_of_metrics(self, settings: Settings, listener: socket.socket) -> None:
        assert only((await examined(settings))["metrics port"], "ok") == "none is set"
        port = listener.getsockname()[1]
        with closing(listener):
            findings = await examined(settings, TICKBOX_METRICS_PORT=str(port))
            said = only(findings["metrics port"], "failed")
        assert said.endswith("or set TICKBOX_METRICS_PORT to another port.")
        server, thread = start_http_server(port, "127.0.0.1", Metrics().registry)
        findings = await examined(settings, TICKBOX_METRICS_PORT=str(port))
        server.shutdown()
        server.server_close()
        thread.join()
        assert only(findings["metrics port"], "ok").startswith("Tickbox answers on")
        findings = await examined(settings, TICKBOX_METRICS_PORT="x")
        assert only(findings["metrics port"], "skipped") == "TICKBOX_METRICS_PORT is not valid"

    async def test_of_another_machine(self, settings: Settings) -> None:
        findings = await examined(settings, TICKBOX_HOST="192.0.2.1", TICKBOX_PORT="0")
        assert "is on another machine" in only(findings["port"], "failed")


@pytest.mark.parametrize(("limit", "state"), [(90, "failed"), (300, "warning"), (1024, "ok")])
def test_open_files(settings: Settings, limit: int, state: str) -> None:
    shell = f"ulimit -n {limit} && exec {sys.executable} -m app.cli doctor"
    done = subprocess.run(
        ["bash", "-c", shell],
        env=environment(settings, TICKBOX_PORT="0"),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    [line] = [line for line in done.stdout.splitlines() if " open files: " in line]
    assert line.split()[0] == state
    assert done.returncode == (state == "failed")
    assert done.stderr == ""


class TestExamination:
    async def test_goes_on_after_a_check_that_hangs_or_breaks(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def hang(_: Case) -> Findings:
            yield ok("so far")
            await asyncio.Event().wait()

        async def hang_in_a_thread(_: Case) -> Findings:
            yield await machine._in_thread(lambda: ok(os.read(reading, 1).decode()))

        async def break_off(_: Case) -> Findings:
            raise ValueError(CANARY)
            yield  # so that it is a generator

        async def last(_: Case) -> Findings:
            yield ok("last")

        reading, writing = os.pipe()
        checks = {"hangs": hang, "stuck": hang_in_a_thread, "breaks": break_off, "last": last}
        monkeypatch.setattr(examination, "CHECKS", checks)
        monkeypatch.setattr(examination, "_PATIENCE", 0.05)
        with cases(settings) as case:
            findings = await found(case)
        os.close(writing)
        assert findings["hangs"][0] == Finding("ok", "so far")
        assert findings["hangs"][1].state == "failed"
        assert "no answer within" in only(findings["stuck"], "failed")
        assert only(findings["breaks"], "failed") == "it could not be looked at (ValueError)"
        assert only(findings["last"], "ok") == "last"
