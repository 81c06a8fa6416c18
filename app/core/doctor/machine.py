"""The machine: the data folder, the ports, and how many files may be open."""

import asyncio
import os
import resource
import shutil
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx

from app.core.config import Settings, SettingsError
from app.core.doctor.case import Case
from app.core.doctor.finding import Finding, Findings, failed, ok, skipped, warning
from app.core.embedded import FULL_DISK_BYTES, installed
from app.core.processes import StartError
from app.core.serving import bind

_T = TypeVar("_T")

_LITTLE_DISK_BYTES = 1 << 30
_GONE_AT_REBOOT = {"tmpfs", "ramfs"}
_OF_THE_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"}
_SECONDS = 2
# What Tickbox opens besides connections, and how many clients are worth a start.
_OWN_FILES = 64
_CLIENTS = 500


async def check_data_folder(case: Case) -> Findings:
    """Where the embedded servers keep their data."""
    folder = case.settings.data_dir.resolve()
    if not case.is_embedded:
        yield ok("not used: the servers are given")
        return
    if "data_dir" in case.broken:
        yield skipped(case.why_not("data_dir"))
        return
    for finding in await _in_thread(lambda: _folder(folder)):
        yield finding
    if case.servers_fail:
        yield failed(case.servers_fail)
    try:
        installed()
    except StartError as error:
        yield failed(str(error))


def _folder(folder: Path) -> list[Finding]:
    found = []
    place = _existing(folder)
    elsewhere = "or set TICKBOX_DATA_DIR to another folder"
    if not place.is_dir():
        return [failed(f"{place} is not a folder: remove it, {elsewhere}")]
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return [failed(f"this user may not write to {place}: mend its rights, {elsewhere}")]
    free = shutil.disk_usage(place).free
    if free < _LITTLE_DISK_BYTES:
        state = failed if free < FULL_DISK_BYTES else warning
        found.append(state(f"{free >> 20} MiB are free for {folder}: make room, {elsewhere}"))
    kind = _file_system(place)
    if kind in _GONE_AT_REBOOT:
        found.append(
            warning(f"{folder} is kept in memory ({kind}), and gone at a reboot: {elsewhere[3:]}")
        )
    elif kind in _OF_THE_NETWORK:
        found.append(
            warning(
                f"{folder} is on another machine ({kind}), where locks and writes are not sure: "
                f"{elsewhere[3:]}"
            )
        )
    if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & 0o022:
        found.append(warning(f"others may write to {folder}: `chmod go-w` it"))
    there = "," if folder.exists() else " is not there yet, the first start makes it;"
    return found or [ok(f"{folder}{there} {free / (1 << 30):.1f} GiB free")]


def _existing(folder: Path) -> Path:
    """The folder, or what there is of the way to it."""
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))


def _file_system(place: Path) -> str:
    """Its kind, as the system calls it; empty where nobody can tell."""
    try:
        import psutil  # noqa: PLC0415  # it comes with the embedded servers' wheels
    except ImportError:
        return ""
    kinds = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    return next((kinds[str(path)] for path in (place, *place.parents) if str(path) in kinds), "")


async def _in_thread(look: Callable[[], _T]) -> _T:
    """What is found; a file system or a name server that hangs keeps nobody beyond their time."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[_T] = loop.create_future()

    def run() -> None:
        with suppress(RuntimeError):  # the loop is gone: nobody waits any more
            try:
                result = look()
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                loop.call_soon_threadsafe(_unless_done(found.set_exception), error)
            else:
                loop.call_soon_threadsafe(_unless_done(found.set_result), result)

    def _unless_done(tell: Callable[[Any], None]) -> Callable[[Any], None]:
        return lambda value: None if found.done() else tell(value)

    threading.Thread(target=run, daemon=True).start()
    return await found


async def check_port(case: Case) -> Findings:
    """Whether Tickbox can listen, or does so already."""
    wrong = {"host", "port"} & case.broken
    if wrong:
        yield skipped(case.why_not(min(wrong)))
    else:
        yield await _listening(case.settings, "/livez", '"status":"alive"')


async def check_metrics_port(case: Case) -> Findings:
    """The same for what Prometheus asks."""
    wrong = {"metrics_host", "metrics_port"} & case.broken
    host, port = case.settings.metrics_host, case.settings.metrics_port
    if wrong:
        yield skipped(case.why_not(min(wrong)))
    elif port is None:
        yield ok("none is set")
    else:
        there = case.settings.model_copy(update={"host": host, "port": port})
        finding = await _listening(there, "/metrics", "tickbox_")
        text = finding.text.replace("TICKBOX_", "TICKBOX_METRICS_")
        yield Finding(finding.state, text)


async def _listening(settings: Settings, path: str, said: str) -> Finding:
    """Whether that can be done, or Tickbox does so already, and says this there."""
    try:
        # It is looked up and bound, and not listened on: whoever starts now is not in its way.
        listener = await _in_thread(lambda: bind(settings))
    except SettingsError as error:
        if await _is_tickbox(settings.host, settings.port, path, said):
            return ok(f"Tickbox answers on {settings.port} on {settings.host}")
        return failed(str(error))
    listener.close()
    return ok(f"{settings.port or 'one'} on {settings.host} is free")


async def _is_tickbox(host: str, port: int, path: str, said: str) -> bool:
    # To ask there, not to bind to.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    # Nothing secret is asked or believed, so that any certificate will do.
    async with httpx.AsyncClient(timeout=_SECONDS, verify=False, trust_env=False) as client:  # noqa: S501
        for scheme in ("http", "https"):
            with suppress(httpx.HTTPError):
                if said in (await client.get(f"{scheme}://{where}{path}")).text:
                    return True
    return False


async def check_open_files(case: Case) -> Findings:
    """As many as there are connections."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    settings = case.settings
    pools = 1 if settings.database_read_url is None else 2
    # Each worker may open as many.
    own = pools * settings.database_pool_size + _OWN_FILES
    if limit == resource.RLIM_INFINITY or limit >= own + _CLIENTS:
        yield ok("no limit" if limit == resource.RLIM_INFINITY else f"{limit} may be open")
        return
    text = (
        f"{limit} files may be open, which leaves room for {max(0, limit - own)} clients: "
        f"`ulimit -n 4096`, or LimitNOFILE= in a systemd unit"
    )
    yield failed(text) if limit <= own else warning(text)
