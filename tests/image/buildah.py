"""Build the image, and look into it: Debian's buildah, which needs no daemon and no Docker Hub.

What it keeps is in `.image/`: the base, made once by debootstrap, and layers that did not change.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".image"
BASE = "localhost/tickbox-base"
IMAGE = "localhost/tickbox"
# What Debian calls minimal, certificates and Python.
_DEBOOTSTRAP = (
    "debootstrap",
    "--variant=minbase",
    "--include=ca-certificates,python3,python3-venv",
)
_SUITE = "bookworm"
_LIMIT_SECONDS = 900
# What of the caller's pip makes sense in a container, too.
_PIP_OPTIONS = ("index-url", "extra-index-url", "proxy", "timeout", "trusted-host")


def make_base() -> None:
    """Debian with Python, as an image; once made, it is kept."""
    if _buildah("images", "--quiet", "--filter", f"reference={BASE}"):
        return
    KEPT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as folder, _container("scratch") as container:
        base = Path(folder) / "base"
        _run(*_DEBOOTSTRAP, _SUITE, str(base))
        for downloaded in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(base / downloaded)
        # Devices are made by whatever runs an image.
        shutil.rmtree(base / "dev")
        (base / "dev").mkdir()
        _buildah("add", container, str(base), "/")
        _buildah("commit", "--quiet", container, BASE)


def build(context: Path, certificates: Path, pip_conf: Path, **arguments: str) -> float:
    """Build the Dockerfile of a folder; how many seconds it took."""
    options = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    before = os.times().elapsed
    _buildah(
        "build",
        # HEALTHCHECK is Docker's, OCI's format has none.
        *("--format=docker", "--isolation=chroot", "--layers", f"--build-arg=BASE_IMAGE={BASE}"),
        *(f"--secret=id=pip_conf,src={pip_conf}", f"--secret=id=pip_ca,src={certificates}"),
        *options,
        f"--tag={IMAGE}",
        str(context),
    )
    return os.times().elapsed - before


def pip_settings() -> str:
    """What the caller's pip is told about the index, as a pip.conf for the build."""
    lines = ["[global]", "cert = /run/secrets/pip_ca"]
    for option in _PIP_OPTIONS:
        asked = [str(ROOT / ".tools" / "bin" / "pip"), "config", "get", f"global.{option}"]
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
        # Folders of this machine are not there in the build.
        urls = [word for word in told.stdout.split() if not word.startswith(("file:", "/"))]
        if urls:
            lines.append(f"{option} = {' '.join(urls)}")
    return "\n".join(lines) + "\n"


def certificates() -> Path:
    """Whom this machine trusts, which may be more than Debian does."""
    for name in ("PIP_CERT", "SSL_CERT_FILE"):
        if name in os.environ:
            return Path(os.environ[name])
    return Path("/etc/ssl/certs/ca-certificates.crt")


def inspect() -> dict[str, Any]:
    """The image's configuration, as Docker shows it."""
    shown = json.loads(_buildah("inspect", "--type=image", IMAGE))["Docker"]
    assert isinstance(shown, dict)
    return shown


def layers() -> list[Path]:
    """The files of all layers of all stages, those that no image has any more among them."""
    return [path for path in (KEPT / "storage" / "overlay").glob("*/diff") if path.is_dir()]


@contextmanager
def mounted() -> Iterator[Path]:
    """The image's root folder, for the length of the block."""
    with _container(IMAGE) as container:
        root = Path(_buildah("mount", container))
        try:
            yield root
        finally:
            _buildah("umount", container)


@contextmanager
def _container(image: str) -> Iterator[str]:
    container = _buildah("from", "--pull=false", image)
    try:
        yield container
    finally:
        _buildah("rm", container)


def _buildah(*arguments: str) -> str:
    return _run(
        "buildah",
        f"--root={KEPT / 'storage'}",
        f"--runroot={KEPT / 'run'}",
        "--storage-driver=overlay",
        *arguments,
    )


def _run(*command: str) -> str:
    """What it prints; what went wrong, if something did."""
    result = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=_LIMIT_SECONDS
    )
    assert result.returncode == 0, f"{command}: {result.stdout[-2000:]}{result.stderr[-4000:]}"
    return result.stdout.strip()
