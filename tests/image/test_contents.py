"""What is in the image, and what is not."""

import subprocess
from pathlib import Path

import pytest

from app.cli import probe
from app.core.settings import Settings
from tests.image import buildah
from tests.image.container import Image, run

TOOLS = ("cc", "gcc", "g++", "c++", "ld", "as", "make", "cargo", "pip", "pip3", "uv", "git", "curl")


def test_its_user_is_not_root_and_owns_nothing(image: Image) -> None:
    assert image.user == "10001:10001"
    owned = [path for path in image.root.rglob("*") if path.lstat().st_uid == 10001]
    assert owned == []


def test_its_user_can_write_nowhere_but_where_all_can(image: Image) -> None:
    writable = {
        path.relative_to(image.root).as_posix()
        for path in image.root.rglob("*")
        if path.lstat().st_mode & 0o002 and not path.is_symlink()
    }
    assert writable <= {"tmp", "var/tmp", "run/lock"}


def test_its_settings(image: Image) -> None:
    config = image.config
    assert config["Cmd"] == ["tickbox", "serve"]
    assert not config.get("Entrypoint")
    assert config["StopSignal"] == "SIGTERM"
    assert config["ExposedPorts"].keys() == {f"{Settings.model_fields['port'].default}/tcp"}
    assert config["Labels"]["org.opencontainers.image.version"] == "1.2.3"
    assert image.environment["TICKBOX_HOST"] == "0.0.0.0"
    health = config["Healthcheck"]
    assert health["Test"] == ["CMD", "tickbox", "health"]
    assert health["Timeout"] / 1e9 > probe.TIMEOUT


def test_it_has_no_tool_that_builds_or_installs(image: Image) -> None:
    folders = image.environment["PATH"].split(":")
    found = [
        f"{folder}/{tool}"
        for folder in folders
        for tool in TOOLS
        if (image.root / folder.removeprefix("/") / tool).is_symlink()
        or (image.root / folder.removeprefix("/") / tool).exists()
    ]
    assert found == []
    packages = {path.name.split("-")[0] for path in image.root.glob("opt/**/*.dist-info")}
    assert "fastapi" in packages
    assert not packages & {"pip", "setuptools", "wheel", "hatchling", "uv", "pytest", "ruff"}
    assert not [*image.root.glob("usr/**/ensurepip"), *image.root.glob("usr/**/pip-*.whl")]
    assert not any((image.root / "root").rglob("*cache*"))
    assert not (image.root / "src").exists()
    assert not (image.root / "opt" / "build").exists()


def test_python_makes_no_pip_there(image: Image, tmp_path: Path) -> None:
    code, said = run(image, ["/usr/bin/python3", "-m", "venv", "/tmp/venv"], tmp_path)
    assert code == 1
    assert "ensurepip" in said


def test_it_holds_of_the_project_only_what_runs(image: Image) -> None:
    names = {path.name for path in (image.root / "srv" / "tickbox").iterdir()}
    info = {name for name in names if name.endswith(".dist-info")}
    assert len(info) == 1
    assert names - info == {"app", "alembic.ini", "bin", "migrations"}
    kept = image.root / "srv" / "tickbox"
    assert not list((kept / "migrations").glob("*.sql"))


def test_nothing_private_got_into_any_layer(image: Image, canary: str) -> None:
    layers = buildah.layers()
    assert any((layer / "srv" / "tickbox" / "alembic.ini").exists() for layer in layers)
    found = subprocess.run(
        ["grep", "--recursive", "--files-with-matches", "--fixed-strings", canary, *layers],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""
    assert found.returncode == 1, found.stderr


def test_nothing_private_is_in_its_history(image: Image, canary: str) -> None:
    shown = repr(buildah.inspect())
    assert "RUN" in shown or "CMD" in shown
    assert canary not in shown
    assert "pypi" not in shown.lower()
    names = [variable.split("=")[0] for variable in image.config["Env"]]
    assert not [name for name in names if name.startswith("PIP_") or "KEY" in name]


def test_all_of_it_is_compiled_whatever_the_time_of_its_files_says(image: Image) -> None:
    sources = [*image.root.glob("srv/tickbox/app/**/*.py"), *image.root.glob("opt/**/fastapi/*.py")]
    assert len(sources) > 100
    for source in sources:
        (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")
        # PEP 552: 1 is by hash, 2 would have the source read and compared.
        assert compiled.read_bytes()[4:8] == (1).to_bytes(4, "little"), source


def test_its_dependencies_are_those_that_are_locked(image: Image) -> None:
    locked = {
        line.split("==")[0].replace("-", "_").lower(): line.split("==")[1].split()[0]
        for line in Path(buildah.ROOT, "requirements/app.txt").read_text().splitlines()
        if "==" in line
    }
    installed = {
        name.replace("-", "_").lower(): version
        for name, version in (
            path.name.removesuffix(".dist-info").rsplit("-", 1)
            for path in image.root.glob("opt/**/*.dist-info")
        )
    }
    assert installed
    assert installed.items() <= locked.items()


@pytest.mark.parametrize("user", ["10001:10001", "65534:65534", "4242:0"])
def test_it_runs_as_any_user(image: Image, tmp_path: Path, user: str) -> None:
    code, said = run(image, ["tickbox", "openapi"], tmp_path, user=user)
    assert code == 0, said
    assert '"/v1/todos"' in said
