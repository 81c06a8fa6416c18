from hypothesis import given
from hypothesis import strategies as st

from app.core.signing import Signer


class TestSigner:
    @given(st.text(st.characters(exclude_categories=["Cs"])), st.text("ab"), st.binary())
    def test_verifies_its_own(self, secret: str, purpose: str, data: bytes) -> None:
        mac = Signer(secret, purpose).sign(data)
        assert len(mac) == 16
        assert Signer(secret, purpose).verify(data, mac)

    @given(st.binary(), st.binary(), st.integers(0, 127))
    def test_refuses_other_data_and_macs(self, data: bytes, other: bytes, bit: int) -> None:
        signer = Signer("secret", "cursor")
        mac = signer.sign(data)
        assert signer.verify(other, mac) == (other == data)
        flipped = (int.from_bytes(mac, "big") ^ (1 << bit)).to_bytes(16, "big")
        assert not signer.verify(data, flipped)
        assert not signer.verify(data, mac[:-1])
        assert not signer.verify(data, mac + b"\0")
        assert not signer.verify(data, b"")

    def test_each_secret_and_purpose_has_its_own_key(self) -> None:
        macs = {
            Signer(secret, purpose).sign(b"data")
            for secret in ("one", "two")
            for purpose in ("cursor", "webhook")
        }
        assert len(macs) == 4
