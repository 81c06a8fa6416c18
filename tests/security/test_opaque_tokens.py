import hashlib

from hypothesis import example, given
from hypothesis import strategies as st

from app.security.access_tokens import hash_opaque_token, new_opaque_token
from tests.security.jwts import decode


class TestOpaqueTokens:
    def test_holds_256_random_bits_behind_its_prefix(self) -> None:
        tokens = {new_opaque_token() for _ in range(100)}
        assert len(tokens) == 100
        for token in tokens:
            assert token.startswith("tbr_")
            assert len(decode(token.removeprefix("tbr_"))) == 32

    def test_hash_is_sha_256(self) -> None:
        assert hash_opaque_token("tbr_x") == hashlib.sha256(b"tbr_x").digest()

    @given(st.text(st.characters(categories=["L", "Cs", "Cc"])))
    @example("\ud800")
    def test_hash_takes_any_text(self, text: str) -> None:
        assert len(hash_opaque_token(text)) == 32
