from hypothesis import given
from hypothesis import strategies as st

from app.core.signing import Signer


class TestSigner:
    @given(st.text(st.characters(exclude_categories=["Cs"])), st.text("ab"), st.binary())
    def test_is_the_same_in_every_process(self, secret: str, purpose: str, data: bytes) -> None:
        mac = Signer(secret, purpose).sign(data)
        assert len(mac) == 16
        assert Signer(secret, purpose).sign(data) == mac

    @given(st.binary(), st.binary())
    def test_is_another_for_other_data(self, data: bytes, other: bytes) -> None:
        signer = Signer("secret", "cursor")
        assert (signer.sign(other) == signer.sign(data)) == (other == data)

    def test_each_secret_and_purpose_has_its_own_key(self) -> None:
        macs = {
            Signer(secret, purpose).sign(b"data")
            for secret in ("one", "two")
            for purpose in ("cursor", "webhook")
        }
        assert len(macs) == 4
