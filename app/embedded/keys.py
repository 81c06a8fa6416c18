"""The keys that the embedded default makes once and keeps, in files that only their owner may read.

Without these files every cursor and every access token is void.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr


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


def load_or_create(path: Path, create: Callable[[], str]) -> SecretStr:
    """The key in this file, which is created if it is missing. Raises `OSError`."""
    if not path.exists():
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(create())
        os.sync()  # after a power cut there is a whole key or none
        new.rename(path)
    return SecretStr(path.read_text())
