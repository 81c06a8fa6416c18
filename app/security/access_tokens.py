"""Proof of who somebody is: access tokens and opaque tokens.

The one place that knows python-jose; what it raises stays inside.
"""

import hashlib
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from jose import jwk, jws
from jose.backends.base import Key
from jose.utils import base64url_decode, base64url_encode

from app.core.clock import Now, new_id
from app.core.errors import InvalidToken
from app.core.settings import SettingsError

_ALGORITHM = "ES256"
# RFC 9068, section 2.1: tells an access token from anything else that the same key signs.
_TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type
_MAX_TOKEN_LENGTH = 4096
_MAX_TOKENS_REMEMBERED = 10_000
_CLOCK_SKEW = 30
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a token that verified says."""

    user_id: UUID
    session_id: UUID
    scopes: frozenset[str]
    token_id: UUID
    expires_at: datetime


class AccessTokens:
    """Issues and reads access tokens: JWTs after RFC 9068, signed with ES256.

    Without `client_id`, which section 2.2 of that asks for: Tickbox registers no clients. A token
    proves who, until when and what for. Whether its session has ended is the caller's to ask.
    For one thread: that of the event loop.
    """

    def __init__(
        self, pem_keys: str, *, issuer: str, audience: str, lifetime: timedelta, now: Now
    ) -> None:
        """`pem_keys`: EC P-256 private keys, one after the other; the first signs, all verify.

        Line breaks may be real or, as platforms write them into variables, a backslash and an
        "n". Anything else raises `SettingsError`.
        """
        keys = {_thumbprint(key): key for key in _private_keys(pem_keys)}
        self._key_id, self._signing_key = next(iter(keys.items()))
        self._public_keys: dict[str, Key] = {kid: key.public_key() for kid, key in keys.items()}
        self._issuer = issuer
        self._audience = audience
        self._lifetime = lifetime
        self._now = now
        # Verifying takes 0.13 ms. Least recently used first; keyed by the whole text, so only
        # what verified is found here.
        self._remembered: OrderedDict[str, AccessToken] = OrderedDict()

    def issue(self, *, user_id: UUID, session_id: UUID, scopes: Iterable[str]) -> str:
        """A token for this user in this session, from now on for the lifetime."""
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
        """What `token` says, if it is ours and has not expired; else raises `InvalidToken`."""
        # Before anything looks inside: nested JSON of more than this ends in a RecursionError.
        if len(token) > _MAX_TOKEN_LENGTH:
            raise InvalidToken
        known = self._remembered.get(token)
        if known is None:
            try:
                known = self._verified(token)
            except Exception:  # noqa: BLE001 - RecursionError and OverflowError are among them
                raise InvalidToken from None
            self._remembered[token] = known
            if len(self._remembered) > _MAX_TOKENS_REMEMBERED:
                self._remembered.popitem(last=False)
        else:
            self._remembered.move_to_end(token)
        if known.expires_at <= self._now():
            del self._remembered[token]
            raise InvalidToken("The access token has expired.")
        return known

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys as a JWK Set (RFC 7517, section 5)."""
        return {
            "keys": [
                {**_public_members(key), "kid": kid, "use": "sig", "alg": _ALGORITHM}
                for kid, key in self._public_keys.items()
            ]
        }

    def _verified(self, token: str) -> AccessToken:
        """What a token of ours says, expired or not; raises whatever comes up for any other."""
        parts = token.encode("ascii").split(b".")
        # python-jose takes "==" and "!!" at the end; a token has one spelling here.
        if len(parts) != 3 or not all(map(_is_canonical, parts)):
            raise InvalidToken
        header = jws.get_unverified_header(token)
        if header["typ"] != _TOKEN_TYPE or "crit" in header:
            raise InvalidToken
        key = self._public_keys[header["kid"]]
        claims = json.loads(jws.verify(token, key, algorithms=[_ALGORITHM]))
        if claims["iss"] != self._issuer or claims["aud"] != self._audience:
            raise InvalidToken
        # `nbf` is never ours to set, but whoever sets it is to be heeded (RFC 7519, 4.1.5).
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
    # One object for all tokens that permit the same: a set takes more room than all else.
    return frozenset(text.split())


def _private_keys(pem_keys: str) -> list[Key]:
    text = pem_keys.replace("\\r", "").replace("\\n", "\n")
    keys = []
    try:
        if _PEM.sub("", text).strip():
            raise ValueError
        for block in _PEM.finditer(text):
            # `openssl ecparam -genkey` writes the curve's name before the key, which repeats it.
            if block[1] == "EC PARAMETERS":
                continue
            key = jwk.construct(block[0], _ALGORITHM)
            # python-jose takes public, RSA and P-384 keys too until they are used.
            members = key.to_dict()
            if members["crv"] != "P-256" or "d" not in members:
                raise ValueError
            keys.append(key)
        if not keys:
            raise ValueError
    except Exception:  # noqa: BLE001 - each kind of wrong key has its own
        raise SettingsError(
            "TICKBOX_SIGNING_KEYS takes EC P-256 private keys in PEM, one after the other, such "
            "as `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes, "
            "and nothing else."
        ) from None
    return keys


def key_ids(pem_keys: str) -> list[str]:
    """The `kid` of each key, in the order in which they are given. Raises `SettingsError`."""
    return [_thumbprint(key) for key in _private_keys(pem_keys)]


def _public_members(key: Key) -> dict[str, str]:
    members: dict[str, Any] = key.to_dict()
    return {name: members[name] for name in ("crv", "kty", "x", "y")}


def _thumbprint(key: Key) -> str:
    """RFC 7638: the same key has the same `kid` in every process, and after every restart."""
    members = json.dumps(_public_members(key), sort_keys=True, separators=(",", ":"))
    return base64url_encode(hashlib.sha256(members.encode()).digest()).decode()


def _is_canonical(part: bytes) -> bool:
    """Whether it is the one way to write its bytes in base64url (RFC 4648, section 3.5)."""
    return base64url_encode(base64url_decode(part)) == part


def new_opaque_token(prefix: str = "tbr_") -> str:
    """A secret of 256 bits that says nothing: `tbr_` for refresh tokens.

    The prefix lets scanners recognise a leaked one.
    """
    return prefix + secrets.token_urlsafe(32)


def hash_opaque_token(token: str) -> bytes:
    """The 32 bytes by which it is stored and found. SHA-256 will do: there is nothing to guess."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
