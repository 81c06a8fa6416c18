"""A PgBouncer before the tests' PostgreSQL."""

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from sqlalchemy import make_url

from app.core import urls
from app.embedded import processes
from tests import driver

# Debian's is where only root looks.
BINARY = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
MISSING = "PgBouncer is not installed: `make pgbouncer` does that, or says how"
# Fewer than an app's pool has connections, so that the servers change hands.
SERVERS = 4
_CONFIG = """
[databases]
* = {target}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {servers}
max_client_conn = 1000
server_idle_timeout = 5
{more}
"""


@contextmanager
def pgbouncer(
    url: str, *, servers: int = SERVERS, mode: str = "transaction", more: str = ""
) -> Iterator[str]:
    """Start one before the database at this URL; gives the URL of the same by way of it.

    It asks nobody for a password. `more` are lines of its configuration.
    """
    assert BINARY is not None, MISSING
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tickbox-pooler-")))
        home = folder / "pgbouncer"
        home.mkdir()
        port = _free_port()
        config = home / "pgbouncer.ini"
        config.write_text(
            _CONFIG.format(target=_target(url), port=port, servers=servers, mode=mode, more=more)
        )
        account = _whoever_may_connect(url)
        if account is not None:
            for path in (folder, home, config):
                os.chown(path, *account)
        options = {"user": account[0], "group": account[1], "extra_groups": []} if account else {}
        processes.start([BINARY, config], home, stack, ready="process up", **options)
        yield (
            make_url(url)
            .set(drivername="postgresql", host="127.0.0.1", port=port, query={})
            .render_as_string(hide_password=False)
        )


def _target(url: str) -> str:
    """Where it connects to, as it spells that; the database's name is the client's."""
    [address, *_], parameters = driver.read(url)
    if isinstance(address, str):
        folder, _, port = address.rpartition("/.s.PGSQL.")
        address = folder, port
    words = {
        "host": address[0],
        "port": address[1],
        "user": parameters.user,
        "password": parameters.password,
    }
    return " ".join(f"{name}={value}" for name, value in words.items() if value is not None)


def _whoever_may_connect(url: str) -> tuple[int, int] | None:
    """Whom root runs it as, since it refuses root: the owner of the socket's folder."""
    if os.geteuid() != 0:
        return None
    host = urls.postgres(url).hosts
    owner = Path(host).stat() if host.startswith("/") else None
    if owner is not None and owner.st_uid != 0:
        return owner.st_uid, owner.st_gid
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
