"""The data folder's lock: which Tickbox uses the folder, and where its servers are.

The file `lock` is held with flock for as long as the folder is used. It says the pid and, once they
answer, the URLs of PostgreSQL and Redis; these hold no password. Without the lock it says nothing.
"""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from app.core.settings import StartError

# The pid and two URLs, whose paths are short enough for a socket's address.
_MAX_BYTES = 1024
_LINES = 3


class FolderInUse(StartError):
    """Another Tickbox has the folder."""


def lock(folder: Path, stack: ExitStack) -> int:
    """Take the folder until the stack closes; gives the file to `announce` in.

    Raises `FolderInUse`.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(descriptor, _MAX_BYTES).decode().partition("\n")[0] or "unknown"
        raise FolderInUse(
            f"Another Tickbox (process {pid}) uses the data folder {folder}: stop it, or set "
            "TICKBOX_DATA_DIR to another folder."
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def announce(descriptor: int, *, database_url: str, redis_url: str) -> None:
    """Say where the servers are."""
    os.write(descriptor, f"\n{database_url}\n{redis_url}\n".encode())


def announced(folder: Path) -> dict[str, str]:
    """Where the servers of the Tickbox that has the folder are.

    Raises `FolderInUse` while it does not say so: it starts, or ends.
    """
    text = (folder / "lock").read_text()
    lines = text.splitlines()
    if len(lines) != _LINES or not text.endswith("\n"):
        raise FolderInUse(
            f"The Tickbox that uses the data folder {folder} is just starting or ending: try again "
            "in a moment."
        )
    return {"database_url": lines[1], "redis_url": lines[2]}
