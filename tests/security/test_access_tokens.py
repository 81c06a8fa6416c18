import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from jose.backends.cryptography_backend import CryptographyECKey

from app.core.errors import InvalidToken
from app.security import access_tokens as security
from tests.security.jwts import (
    CLAIMS,
    HEADER,
    KEY_ID,
    NOW,
    OTHER_KEY,
    SESSION_ID,
    TOKEN,
    TOKENS,
    USER_ID,
    access_tokens,
    decode,
    issue,
    refuses,
    sign,
)


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The signatures that are verified during the test."""
    verified: list[bytes] = []
    verify: Any = CryptographyECKey.verify

    def counted(self: CryptographyECKey, msg: bytes, sig: bytes) -> Any:
        verified.append(sig)
        return verify(self, msg, sig)

    monkeypatch.setattr(CryptographyECKey, "verify", counted)
    return verified


class TestIssue:
    def test_claims_are_those_of_rfc_9068(self) -> None:
        header, claims, _ = TOKEN.split(".")
        assert json.loads(decode(header)) == {"alg": "ES256", "typ": "at+jwt", "kid": KEY_ID}
        issued_at = int(NOW.timestamp())
        assert json.loads(decode(claims)) == {
            "iss": "tickbox",
            "aud": "api",
            "sub": str(USER_ID),
            "sid": str(SESSION_ID),
            "jti": str(TOKENS.read(TOKEN).token_id),
            "iat": issued_at,
            "exp": issued_at + 900,
            "scope": "todos:read todos:write",
        }

    def test_ids_are_uuid7_and_never_the_same(self) -> None:
        ids = {TOKENS.read(issue()).token_id for _ in range(100)}
        assert len(ids) == 100
        assert {token_id.version for token_id in ids} == {7}

    def test_another_implementation_verifies_it_by_the_jwks(self) -> None:
        [jwk] = TOKENS.jwks()["keys"]
        x, y = (int.from_bytes(decode(jwk[name]), "big") for name in ("x", "y"))
        public_key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        signed, _, signature = TOKEN.rpartition(".")
        raw = decode(signature)
        assert len(raw) == 64
        public_key.verify(
            encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
            signed.encode(),
            ec.ECDSA(hashes.SHA256()),
        )

    def test_the_key_is_not_parsed_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def parse(*_: Any, **__: Any) -> None:
            raise AssertionError("a key was parsed")

        monkeypatch.setattr(CryptographyECKey, "__init__", parse)
        assert TOKENS.read(issue()).user_id == USER_ID


class TestCache:
    def test_verifies_once(self, verifications: list[bytes]) -> None:
        tokens, token = access_tokens(), issue()
        assert [tokens.read(token) for _ in range(10)] == [TOKENS.read(token)] * 10
        assert len(verifications) == 2

    def test_another_spelling_is_not_what_is_cached(self) -> None:
        tokens = access_tokens()
        tokens.read(TOKEN)
        for spelling in (TOKEN + "==", TOKEN + "\n", TOKEN.swapcase()):
            with pytest.raises(InvalidToken):
                tokens.read(spelling)

    def test_a_refused_token_takes_no_place(self, verifications: list[bytes]) -> None:
        forged = sign(HEADER, CLAIMS, OTHER_KEY)
        for _ in range(3):
            refuses(forged)
        assert len(verifications) == 3

    def test_forgets_what_was_read_longest_ago(
        self, monkeypatch: pytest.MonkeyPatch, verifications: list[bytes]
    ) -> None:
        monkeypatch.setattr(security, "_MAX_TOKENS_CACHED", 2)
        tokens = access_tokens()
        first, second, third = (issue() for _ in range(3))
        for token in (first, second, first, third):
            tokens.read(token)
        assert len(verifications) == 3
        tokens.read(first)
        tokens.read(third)
        assert len(verifications) == 3
        tokens.read(second)
        assert len(verifications) == 4
