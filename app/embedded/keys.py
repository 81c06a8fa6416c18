"""The keys that the embedded default makes once and keeps, in files that only their owner may read.

Without these files every cursor and every access token is void.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.core.setting_types import SECRET_KEY_LENGTH
from app.core.settings import StartError


def new_secret_key() -> str:
    """48 random bytes, in Base64."""
    return secrets.token_urlsafe(48)


def new_signing_key() -> str:
    """An EC P-256 private key, in PEM (PKCS 8)."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode()


def load_or_create(path: Path, create: Callable[[], str]) -> str:
    """The key in this file, which is created if it is missing. Raises `StartError`, `OSError`."""
    if not path.exists():
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        with new.open("w") as file:
            file.write(create())
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
    text = path.read_text(encoding="ascii", errors="replace")
    if len(text) < SECRET_KEY_LENGTH:
        raise StartError(
            f"The key in {path} is damaged: restore it, or remove it to have a new one."
        )
    return text
