import base64
import contextlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.errors import InvalidToken
from app.security.access_tokens import AccessToken, AccessTokens
from tests.security.jwts import (
    CLAIMS,
    HEADER,
    KEY,
    OTHER_KEY,
    TOKEN,
    TOKENS,
    USER_ID,
    access_tokens,
    encode,
    public_pem,
    refuses,
    seal,
    sign,
)


def decode_leniently(token: str) -> bytes:
    return base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")


class TestHostile:
    @given(st.data())
    def test_refuses_a_token_with_any_one_character_changed(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(TOKEN) - 1))
        base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
        character = data.draw(st.sampled_from(base64url) | st.characters())
        changed = TOKEN[:at] + character + TOKEN[at + 1 :]
        if changed != TOKEN:
            refuses(changed)

    @given(st.text() | st.text("abcXYZ019-_.=").map(lambda text: f"ey{text}"))
    @example("")
    @example(".")
    @example("..")
    @example("...")
    @example("a.b.c")
    @example("\ud800")
    @example("é" * 100)
    @example("\uff45\uff59.\uff45\uff59.\uff45\uff59")
    @example("1" * 5000)
    def test_answers_any_text_with_invalid_token(self, text: str) -> None:
        refuses(text)

    @pytest.mark.parametrize(
        "spoilt",
        [
            f"{TOKEN}==",
            f"{TOKEN}!!",
            f"{TOKEN}=",
            f"{TOKEN}\n",
            f" {TOKEN}",
            f"{TOKEN}.",
            f".{TOKEN}",
            f"{TOKEN}.x",
            TOKEN.replace(".", "..", 1),
            TOKEN.rpartition(".")[0],
            TOKEN.rpartition(".")[0] + ".",
            "." + TOKEN.partition(".")[2],
            TOKEN[:-4] + "AAAA",
            TOKEN.replace("-", "+").replace("_", "/") + "+/",
        ],
    )
    def test_refuses_another_spelling(self, spoilt: str) -> None:
        refuses(spoilt)

    def test_refuses_what_a_lenient_decoder_takes_for_the_same_signature(self) -> None:
        # 64 bytes are 86 characters, whose last four bits say nothing.
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        last = alphabet.index(TOKEN[-1])
        assert last % 16 == 0
        for other in range(last + 1, last + 16):
            twin = TOKEN[:-1] + alphabet[other]
            assert decode_leniently(twin) == decode_leniently(TOKEN)
            refuses(twin)

    def test_refuses_four_parts_that_a_lenient_decoder_takes_for_three(self) -> None:
        claims = json.dumps(CLAIMS).encode()
        claims += b" " * (-len(claims) % 3)
        header, spaces = encode(json.dumps(HEADER).encode()), encode(b"   ")
        assert TOKENS.read(seal(f"{header}.{encode(claims)}{spaces}")).user_id == USER_ID
        refuses(seal(f"{header}.{encode(claims)}.{spaces}"))

    def test_looks_into_nothing_that_is_too_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        token = sign(HEADER, CLAIMS | {"pad": "x" * 3000})
        assert len(token) > 4096
        monkeypatch.setattr(AccessTokens, "_verify", lambda *_: pytest.fail("looked into it"))
        with pytest.raises(InvalidToken):
            access_tokens().read(token)

    @pytest.mark.parametrize("part", [b"[" * 1400, b'{"a":' * 400, b"[" * 2000])
    def test_refuses_nested_json(self, part: bytes) -> None:
        refuses(f"{encode(part)}.e30.AAAA")
        refuses(sign(part, CLAIMS))
        refuses(sign(HEADER, part))

    @pytest.mark.parametrize("part", [b"[]", b'"x"', b"1", b"null", b"{", b"\xff\xfe", b"NaN"])
    def test_refuses_json_that_is_no_object(self, part: bytes) -> None:
        refuses(sign(part, CLAIMS))
        refuses(sign(HEADER, part))

    def test_refuses_an_unsigned_token(self) -> None:
        header, claims = encode(json.dumps({"alg": "none"}).encode()), TOKEN.split(".")[1]
        refuses(f"{header}.{claims}.")
        refuses(f"{header}.{claims}.AAAA")

    def test_refuses_the_public_key_as_an_hmac_secret(self) -> None:
        signed = f"{encode(json.dumps(HEADER | {'alg': 'HS256'}).encode())}.{TOKEN.split('.')[1]}"
        mac = hmac.digest(public_pem(KEY).encode(), signed.encode(), "sha256")
        refuses(f"{signed}.{encode(mac)}")

    def test_refuses_another_key_under_our_key_id(self) -> None:
        refuses(sign(HEADER, CLAIMS, OTHER_KEY))

    @given(
        claims=st.dictionaries(
            st.sampled_from([*CLAIMS, "nbf"]) | st.text(),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda value: st.lists(value) | st.dictionaries(st.text(), value),
                max_leaves=5,
            ),
            min_size=1,
        )
    )
    def test_raises_nothing_else_for_whatever_our_own_key_has_signed(
        self, claims: dict[str, Any]
    ) -> None:
        for token in (sign(HEADER, CLAIMS | claims), sign(HEADER | claims, CLAIMS)):
            with contextlib.suppress(InvalidToken):
                assert isinstance(TOKENS.read(token), AccessToken)
