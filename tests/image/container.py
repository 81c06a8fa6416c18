"""Run the image as Docker would: alone with its processes, as its user, on files that are its own.

It is done by util-linux and chroot, since no engine runs everywhere that tests do: PID 1, nothing
to write to but /tmp, no new privileges. The network is this machine's.
"""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

START_SECONDS = 60
STOP_SECONDS = 40
# What of /dev Docker gives, as far as it is needed.
_DEVICES = ("null", "zero", "full", "random", "urandom")
# $1 is the root folder, $2 the user, $3 the folders to share, with spaces between them, $4 whether
# /tmp can be written to.
_ENTER = f"""
set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t proc -o nosuid,nodev,noexec proc "$1/proc"
mount -t tmpfs -o mode=0755 tmpfs "$1/dev"
for name in {" ".join(_DEVICES)}; do
    : > "$1/dev/$name"
    mount --bind "/dev/$name" "$1/dev/$name"
done
ln -s /proc/self/fd "$1/dev/fd"
mount -o remount,ro "$1/dev"
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$1/tmp"
for folder in $3; do
    mkdir -p "$1$folder"
    mount --rbind "$folder" "$1$folder"
done
test "$4" = True || mount -o remount,ro "$1/tmp"
root=$1 user=$2
shift 4
exec setpriv --no-new-privs chroot --userspec="$user" "$root" "$@"
"""


_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Image:
    """What can be run: the files, and what stands with them."""

    root: Path
    config: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        return dict(variable.split("=", 1) for variable in self.config["Env"])

    @property
    def user(self) -> str:
        return str(self.config["User"])


class Container:
    """One run of a command in the image."""

    def __init__(
        self, image: Image, process: subprocess.Popen[bytes], environment: dict[str, str], log: Path
    ) -> None:
        self._image = image
        self._process = process
        self.environment = environment
        self._log = log

    @property
    def port(self) -> int:
        """Where it serves, on this machine's own address."""
        return int(self.environment["TICKBOX_PORT"])

    @property
    def init(self) -> psutil.Process:
        """Its PID 1, as this machine sees it."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            for child in psutil.Process(self._process.pid).children():
                return child
        raise AssertionError(f"it has ended: {self.log()}")

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run another command in there, as `docker exec` does."""
        user, group = self._image.user.split(":")
        return subprocess.run(
            [
                *("/usr/bin/nsenter", f"--target={self.init.pid}", "--mount", "--pid", "--root"),
                *("--ipc", "--uts", "--wd", f"--setuid={user}", f"--setgid={group}", *command),
            ],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )

    def wait_until_healthy(self) -> None:
        """Until the image's own HEALTHCHECK says so."""
        kind, *command = self._image.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        deadline = time.monotonic() + START_SECONDS
        while self.execute(*command).returncode != 0:
            assert self._process.poll() is None, f"it has ended: {self.log()}"
            assert time.monotonic() < deadline, f"it is not healthy: {self.log()}"

    def terminate(self) -> None:
        """What `docker stop` sends first."""
        self.init.send_signal(signal.Signals[self._image.config["StopSignal"]])

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self._process.wait(STOP_SECONDS)

    def log(self) -> str:
        return self._log.read_text(errors="replace")


@contextmanager
def running(
    image: Image,
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str] = _NOTHING,
    *,
    user: str | None = None,
    shared: Sequence[Path] = (),
    has_tmp: bool = True,
) -> Iterator[Container]:
    """Run it for the length of the block; what is left then is killed.

    `folder` is where its output goes, `shared` are some that it sees under the same name. Unless it
    `has_tmp`, nothing at all can be written to.
    """
    environment = {**image.environment, **variables}
    log = folder / f"container-{len(list(folder.iterdir()))}.log"
    enter = ["/bin/sh", "-c", _ENTER, "enter", str(image.root), user or image.user]
    within = ["env", f"--chdir={image.config['WorkingDir']}", *command]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [
                *("/usr/bin/unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--"),
                *(*enter, " ".join(map(str, shared)), str(has_tmp), *within),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Container(image, process, environment, log)
        finally:
            for left in _tree(process):
                with suppress(psutil.NoSuchProcess):
                    left.kill()


def _tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        if process.poll() is None:
            leader = psutil.Process(process.pid)
            return [leader, *leader.children(recursive=True)]
    return []


def run(
    image: Image,
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str] = _NOTHING,
    *,
    user: str | None = None,
    shared: Sequence[Path] = (),
) -> tuple[int, str]:
    """Run it to its end: its exit code, and all that it said."""
    with running(image, command, folder, variables, user=user, shared=shared) as container:
        return container.wait(), container.log()


def free_port() -> str:
    """A port that nothing listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])
