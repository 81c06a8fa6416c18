"""The image: built once a run, from a checkout that also holds what must not get into it."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests import compose, servers
from tests.image import buildah
from tests.image.container import Container, Image, free_port, running

Start = Callable[..., Container]

_REPORTS = pytest.StashKey[list[str]]()
# Where secrets and large things lie in a checkout that somebody works in.
_PRIVATE = (
    ".env",
    ".git/config",
    ".tickbox/keys/signing-keys.pem",
    ".venv/lib/anything.py",
    "app/.env",
    "app/core/server.key",
    "app/core/server.pem",
    "app/core/__pycache__/left.cpython-311.pyc",
    "migrations/dump.sql",
    "dump.sql",
)


@pytest.fixture(scope="session")
def canary() -> str:
    """What stands in each file that is private, and in the caller's settings of pip."""
    return f"canary-{secrets.token_hex(16)}"


@pytest.fixture(scope="session")
def context(canary: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as somebody builds from: the project's files, and others."""
    folder = tmp_path_factory.mktemp("context")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=buildah.ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (buildah.ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(buildah.ROOT / name, folder / name)
    for name in _PRIVATE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(canary)
    return folder


@pytest.fixture(scope="session")
def image(
    context: Path,
    canary: str,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Image]:
    """The image, built and unpacked."""
    folder = tmp_path_factory.mktemp("pip")
    (folder / "pip.conf").write_text(f"# {canary}\n{buildah.pip_settings()}")
    trusted = buildah.certificates().read_text()
    (folder / "ca.pem").write_text(f"# {canary}\n{trusted}")
    buildah.make_base()
    seconds = buildah.build(
        context, folder / "ca.pem", folder / "pip.conf", VERSION="1.2.3", REVISION=canary[-8:]
    )
    with buildah.mounted() as root:
        size = sum(path.lstat().st_size for path in root.rglob("*") if not path.is_symlink())
        own = sum(
            path.lstat().st_size
            for folder in ("opt", "srv")
            for path in (root / folder).rglob("*")
            if not path.is_symlink()
        )
        _report(request.config, f"built in {seconds:.0f} s")
        _report(request.config, f"{size / 1e6:.0f} MB unpacked, {own / 1e6:.0f} MB over its base")
        yield Image(root, buildah.inspect()["config"])


@pytest.fixture(scope="session")
def stores(settings: object) -> Iterator[dict[str, str]]:
    """The compose file's settings, save that the stores are the tests': an empty database."""
    name = f"tickbox_test_image_{os.getpid()}"
    given = servers.settings_for(name)
    assert given.database_url is not None
    assert given.redis_url is not None
    urls = {
        "TICKBOX_DATABASE_URL": given.database_url.get_secret_value(),
        "TICKBOX_REDIS_URL": given.redis_url.get_secret_value(),
    }
    for url in urls.values():
        _open_to_all(url)
    with servers.cloned_database(name, "template0"):
        yield compose.read(compose.new_variables())["services"]["app"]["environment"] | urls


@pytest.fixture(scope="session")
def sockets() -> list[Path]:
    """The folder that a container has to share with this machine, if the stores are in one."""
    url = urlsplit(os.environ["TICKBOX_TEST_DATABASE_URL"])
    return [Path(folder).parent for folder in parse_qs(url.query).get("host", [])]


@pytest.fixture
def start(
    image: Image, stores: dict[str, str], sockets: list[Path], tmp_path: Path
) -> Iterator[Start]:
    """Start the app as the compose file does; its port is free, and stands in the settings."""
    with ExitStack() as stack:

        def start(*shared: Path, has_tmp: bool = True, **settings: str) -> Container:
            environment = {
                **stores,
                "TICKBOX_PORT": free_port(),
                "TICKBOX_METRICS_PORT": free_port(),
                **settings,
            }
            command = compose.read(compose.new_variables())["services"]["app"]["command"]
            return stack.enter_context(
                running(
                    image,
                    command,
                    tmp_path,
                    environment,
                    shared=[*sockets, *shared],
                    has_tmp=has_tmp,
                )
            )

        yield start


def _open_to_all(url: str) -> None:
    """Embedded servers are for one user; the image's is another one."""
    if url.startswith("unix:"):
        path = Path(urlsplit(url).path)
        path.chmod(0o777)
        path.parent.chmod(0o755)
    elif folder := parse_qs(urlsplit(url).query).get("host"):
        Path(folder[0]).chmod(0o755)
        Path(folder[0], ".s.PGSQL.5432").chmod(0o777)


def _report(config: pytest.Config, line: str) -> None:
    config.stash.setdefault(_REPORTS, []).append(line)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    terminalreporter.section("measured")
    for line in config.stash.get(_REPORTS, []):
        terminalreporter.write_line(line)
