"""The keys that the embedded default makes once and keeps: files that only their owner may read.

Nothing here is logged. Without these files every cursor and every access token is void.
"""

import base64
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.core.setting_types import SECRET_KEY_LENGTH
from app.core.settings import StartError


def new_secret_key() -> str:
    """48 bytes from the system's generator, in Base64."""
    return base64.b64encode(os.urandom(48)).decode()


def new_signing_key() -> str:
    """An EC P-256 private key, in PEM (PKCS 8)."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode()


def kept_secret_key(folder: Path) -> str:
    """The folder's secret key, made if there is none. Raises `StartError`, `OSError`."""
    path = folder / "secret_key"
    text = _kept(path, new_secret_key)
    if len(text) < SECRET_KEY_LENGTH:
        raise _damaged(path)
    return text


def kept_signing_key(folder: Path) -> str:
    """The folder's signing key, made if there is none. Raises `StartError`, `OSError`."""
    path = folder / "signing_key.pem"
    text = _kept(path, new_signing_key)
    try:
        serialization.load_pem_private_key(text.encode(), password=None)
    except ValueError:
        raise _damaged(path) from None
    return text


def _kept(path: Path, make: Callable[[], str]) -> str:
    """What the file holds; made first, whole or not at all, when there is none."""
    if not path.exists():
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600, exist_ok=False)
        with new.open("wb") as file:
            file.write(make().encode())
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
        sync_folder(path.parent)
    return path.read_text(encoding="ascii", errors="replace")


def sync_folder(folder: Path) -> None:
    """Make what was renamed into the folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(path: Path) -> StartError:
    return StartError(
        f"The key in {path} is damaged: restore it, or remove the file to have a new one made, "
        "which voids what the old one signed."
    )
