"""Access tokens (JWTs) and opaque tokens.

The one module that knows python-jose; none of its exceptions leaves it.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from jose import jwk, jws
from jose.backends.base import Key
from jose.utils import base64url_decode, base64url_encode

from app.core.clock import Now, new_id
from app.core.errors import InvalidToken
from app.core.settings import SettingsError
from app.security.principal import Principal

_ALGORITHM = "ES256"
# RFC 9068, section 2.1: tells an access token from anything else that the same key signs.
_TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type
_MAX_TOKEN_LENGTH = 4096
_MAX_TOKENS_CACHED = 10_000
_CLOCK_SKEW = 30
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken(Principal):
    """The claims of a verified token, which name its principal."""

    token_id: UUID
    expires_at: datetime


class AccessTokens:
    """Issues and reads access tokens: JWTs after RFC 9068, signed with ES256.

    They have no `client_id` (section 2.2), since Tickbox registers no clients. Whether a token's
    session has ended is for the caller to check.
    """

    def __init__(
        self, pem_keys: str, *, issuer: str, audience: str, lifetime: timedelta, now: Now
    ) -> None:
        """`pem_keys`: EC P-256 private keys, one after the other; the first signs, all verify.

        Line breaks may be written as a backslash and an "n", as in some platforms' variables.
        Raises `SettingsError`.
        """
        keys = {_jwk(key)["kid"]: key for key in private_keys(pem_keys)}
        self._key_id, self._signing_key = next(iter(keys.items()))
        self._public_keys: dict[str, Key] = {kid: key.public_key() for kid, key in keys.items()}
        self._issuer = issuer
        self._audience = audience
        self._lifetime = lifetime
        self._now = now
        # Verifying takes 0.13 ms. What raises is not cached.
        self._verified = lru_cache(_MAX_TOKENS_CACHED)(self._verify)

    def issue(self, *, user_id: UUID, session_id: UUID, scopes: Iterable[str]) -> str:
        """A token for this user in this session, valid from now on."""
        issued_at = int(self._now().timestamp())
        claims = {
            "iss": self._issuer,
            "sub": str(user_id),
            "aud": self._audience,
            "exp": issued_at + int(self._lifetime.total_seconds()),
            "iat": issued_at,
            "jti": str(new_id()),
            "sid": str(session_id),
            "scope": " ".join(sorted(scopes)),
        }
        headers = {"typ": _TOKEN_TYPE, "kid": self._key_id}
        return jws.sign(claims, self._signing_key, headers=headers, algorithm=_ALGORITHM)

    def read(self, token: str) -> AccessToken:
        """The claims of a token of ours that has not expired. Raises `InvalidToken`."""
        # Checked first: parsing longer nested JSON ends in a RecursionError.
        if len(token) > _MAX_TOKEN_LENGTH:
            raise InvalidToken
        try:
            verified = self._verified(token)
        except Exception:  # noqa: BLE001 - RecursionError and OverflowError are among them
            raise InvalidToken from None
        if verified.expires_at <= self._now():
            raise InvalidToken("The access token has expired.")
        return verified

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys as a JWK Set (RFC 7517, section 5)."""
        return {"keys": [_jwk(key) for key in self._public_keys.values()]}

    def _verify(self, token: str) -> AccessToken:
        """The claims of a token of ours, expired or not. Raises any exception for other text."""
        parts = token.encode("ascii").split(b".")
        # One way to write them (RFC 4648, section 3.5): python-jose ignores "==" and "!!".
        if len(parts) != 3 or [base64url_encode(base64url_decode(part)) for part in parts] != parts:
            raise InvalidToken
        header = jws.get_unverified_header(token)
        if header["typ"] != _TOKEN_TYPE or "crit" in header:
            raise InvalidToken
        key = self._public_keys[header["kid"]]
        claims = json.loads(jws.verify(token, key, algorithms=[_ALGORITHM]))
        if claims["iss"] != self._issuer or claims["aud"] != self._audience:
            raise InvalidToken
        # Tickbox sets no `nbf`, but has to heed one (RFC 7519, section 4.1.5).
        expires, issued, begins = claims["exp"], claims["iat"], claims.get("nbf", claims["iat"])
        if any(type(instant) is not int for instant in (expires, issued, begins)):
            raise InvalidToken
        if max(issued, begins) > self._now().timestamp() + _CLOCK_SKEW:
            raise InvalidToken
        return AccessToken(
            user_id=UUID(claims["sub"]),
            session_id=UUID(claims["sid"]),
            scopes=_scopes(claims["scope"]),
            token_id=UUID(claims["jti"]),
            expires_at=datetime.fromtimestamp(expires, UTC),
        )


@lru_cache
def _scopes(text: str) -> frozenset[str]:
    # Tokens share one set: 1.1 KB for each would be 11 MB of a full cache.
    return frozenset(text.split())


def private_keys(pem_keys: str) -> list[Key]:
    """The keys, in the order in which they are given. Raises `SettingsError`."""
    text = pem_keys.replace("\\r", "").replace("\\n", "\n")
    # `openssl ecparam -genkey` writes the curve's parameters first; the key has them too.
    blocks = [block[0] for block in _PEM.finditer(text) if block[1] != "EC PARAMETERS"]
    try:
        keys = [jwk.construct(block, _ALGORITHM) for block in blocks]
        # python-jose finds out when it signs.
        can_sign = all(key.to_dict()["crv"] == "P-256" and "d" in key.to_dict() for key in keys)
        if not keys or _PEM.sub("", text).strip() or not can_sign:
            raise ValueError
    except Exception:  # noqa: BLE001 - each kind of wrong key has its own
        raise SettingsError(
            "TICKBOX_SIGNING_KEYS takes EC P-256 private keys in PEM, one after the other, such "
            "as `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes, "
            "and nothing else."
        ) from None
    return keys


def _jwk(key: Key) -> dict[str, str]:
    """The public key (RFC 7517); its `kid` is the same in every process (RFC 7638)."""
    members = key.to_dict()
    public = {name: members[name] for name in ("crv", "kty", "x", "y")}
    thumbprint = hashlib.sha256(json.dumps(public, separators=(",", ":")).encode()).digest()
    kid = base64url_encode(thumbprint).decode()
    return {**public, "kid": kid, "use": "sig", "alg": _ALGORITHM}


def new_opaque_token(prefix: str = "tbr_") -> str:
    """A refresh token: 256 random bits as text, with a prefix for secret scanners.

    What else is as secret has another `prefix`.
    """
    return prefix + secrets.token_urlsafe(32)


def hash_opaque_token(token: str) -> bytes:
    """The 32 bytes under which a token is stored; it is random, so SHA-256 will do."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
