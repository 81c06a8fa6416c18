"""Access tokens, as we make them and as anybody else could, and the keys that sign them."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from app.core.errors import InvalidToken
from app.security.access_tokens import AccessTokens

NOW = datetime(2026, 11, 22, 9, 0, 0, 123_000, tzinfo=UTC)
LIFETIME = timedelta(minutes=15)
USER_ID = UUID("01900000-0000-7000-8000-000000000001")
SESSION_ID = UUID("01900000-0000-7000-8000-000000000002")
SCOPES = frozenset({"todos:read", "todos:write"})


def private_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


PKCS8 = serialization.PrivateFormat.PKCS8
SEC1 = serialization.PrivateFormat.TraditionalOpenSSL


def pem(key: Any, form: serialization.PrivateFormat = PKCS8) -> str:
    return str(
        key.private_bytes(
            serialization.Encoding.PEM,
            form,
            serialization.NoEncryption(),
        ).decode()
    )


def public_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def encrypted_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    ).decode()


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


KEY = private_key()
OTHER_KEY = private_key()


class Clock:
    """A clock that is set, not waited for."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def access_tokens(
    keys: str | None = None, now: Callable[[], datetime] = lambda: NOW, **changed: Any
) -> AccessTokens:
    settings: dict[str, Any] = {"issuer": "tickbox", "audience": "api", "lifetime": LIFETIME}
    return AccessTokens(keys or pem(KEY), now=now, **(settings | changed))


TOKENS = access_tokens()
KEY_ID = TOKENS.jwks()["keys"][0]["kid"]


def issue(tokens: AccessTokens = TOKENS) -> str:
    return tokens.issue(user_id=USER_ID, session_id=SESSION_ID, scopes=SCOPES)


TOKEN = issue()


def seal(signed: str, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    """The text with its ES256 signature (RFC 7515, appendix A.3), made without python-jose."""
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def sign(header: Any, claims: Any, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    """A JWS; `bytes` are taken as they are, all else becomes JSON."""
    parts = [
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)
    ]
    return seal(".".join(encode(part) for part in parts), key)


HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": KEY_ID}
CLAIMS: dict[str, Any] = {
    "iss": "tickbox",
    "sub": str(USER_ID),
    "aud": "api",
    "exp": int(NOW.timestamp()) + 900,
    "iat": int(NOW.timestamp()),
    "jti": str(uuid4()),
    "sid": str(SESSION_ID),
    "scope": "todos:read",
}


def refuses(token: str) -> None:
    with pytest.raises(InvalidToken):
        TOKENS.read(token)
