"""A database, and stores, that may be broken."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from app.core.settings import Settings
from app.embedded import stores
from tests import servers
from tests.cli.doctor.examined import url_of


@pytest.fixture
def own(settings: Settings, worker_id: str) -> Iterator[Settings]:
    """Settings with a database of its own, as the migrations leave it."""
    with servers.cloned_database(f"tickbox_test_doctor_{worker_id}_{os.getpid()}") as name:
        url = servers.sibling(url_of(settings), name)
        yield settings.model_copy(update={"database_url": SecretStr(url)})


@pytest.fixture
def valkey(settings: Settings) -> Iterator[Settings]:
    """Settings with a Redis of its own."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tickbox-test-"))
        home = _home(folder, "valkey")
        stores.start_valkey(home, home, stack)
        url = stores.VALKEY_URL.format(home)
        yield settings.model_copy(update={"redis_url": SecretStr(url)})


@pytest.fixture
def cluster(settings: Settings) -> Iterator["Cluster"]:
    """A PostgreSQL of its own."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tickbox-test-"))
        yield stack.enter_context(Cluster(settings, _home(folder, "postgres")))


def _home(folder: str, name: str) -> Path:
    home = Path(folder) / name
    home.mkdir(mode=0o700)
    return home


class Cluster(ExitStack):
    """A PostgreSQL whose files may be changed."""

    def __init__(self, settings: Settings, home: Path) -> None:
        super().__init__()
        self.home = home
        self._settings = settings

    def start(self) -> Settings:
        """Start it (again), and give settings that name it."""
        self.close()
        stores.start_postgres(self.home, self.home, self, durable=False)
        url = stores.POSTGRES_URL.format(self.home)
        return self._settings.model_copy(update={"database_url": SecretStr(url)})

    def write(self, name: str, text: str) -> None:
        """Replace one of its files, for the next start."""
        path = self.home / "data" / name
        path.write_text(text)
        owner = self.home.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


@pytest.fixture
def role(own: Settings) -> Iterator[str]:
    """A user of the database who may do nothing yet."""
    servers.only_as_superuser("make another one")
    name = f"role_{uuid4().hex}"
    asyncio.run(servers.run_sql(url_of(own), f"CREATE ROLE {name} LOGIN"))
    yield name
    asyncio.run(servers.run_sql(url_of(own), f"DROP OWNED BY {name}; DROP ROLE {name}"))
