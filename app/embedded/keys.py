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


def kept(path: Path, make: Callable[[], str]) -> str:
    """What the file holds; made first, whole or not at all, when there is none.

    Raises `StartError`, `OSError`.
    """
    if not path.exists():
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600, exist_ok=False)
        with new.open("w") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
    text = path.read_text(encoding="ascii", errors="replace")
    if len(text) < SECRET_KEY_LENGTH:
        raise StartError(
            f"The key in {path} is damaged: restore it, or remove the file to have a new one made, "
            "which voids what the old one signed."
        )
    return text
