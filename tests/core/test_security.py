import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jose.backends.cryptography_backend import CryptographyECKey

from app.core import security
from app.core.config import SettingsError
from app.core.security import (
    AccessToken,
    AccessTokens,
    InvalidToken,
    Signer,
    hash_opaque_token,
    new_opaque_token,
)

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


def decode_leniently(token: str) -> bytes:
    return base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")


@pytest.fixture
def clock() -> Clock:
    return Clock()


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


class TestRead:
    @given(
        user_id=st.uuids(),
        session_id=st.uuids(),
        scopes=st.frozensets(
            st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=1)
        ),
        now=st.integers(0, 250_000_000_000).map(lambda time: datetime.fromtimestamp(time, UTC)),
    )
    def test_gives_what_was_issued(
        self, user_id: UUID, session_id: UUID, scopes: frozenset[str], now: datetime
    ) -> None:
        tokens = access_tokens(now=lambda: now)
        token = tokens.issue(user_id=user_id, session_id=session_id, scopes=scopes)
        assume(len(token) <= 4096)
        for _ in range(2):
            read = tokens.read(token)
            assert read == AccessToken(user_id, session_id, scopes, read.token_id, now + LIFETIME)

    def test_takes_a_token_that_another_implementation_signed(self) -> None:
        assert TOKENS.read(sign(HEADER, CLAIMS)).scopes == {"todos:read"}
        more = CLAIMS | {"nbf": CLAIMS["iat"], "unknown": [1]}
        assert TOKENS.read(sign(HEADER, more)).user_id == USER_ID

    def test_refusal_says_what_rfc_6750_asks_for(self) -> None:
        with pytest.raises(InvalidToken) as refusal:
            TOKENS.read("x")
        assert (refusal.value.status, refusal.value.code) == (401, "invalid_token")
        assert refusal.value.headers == {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        assert refusal.value.__suppress_context__  # what failed is not for the log either

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
        monkeypatch.setattr(AccessTokens, "_verified", lambda *_: pytest.fail("looked into it"))
        refuses(token)

    @pytest.mark.parametrize("part", [b"[" * 1400, b'{"a":' * 400, b"[" * 2000])
    def test_refuses_nested_json(self, part: bytes) -> None:
        refuses(f"{encode(part)}.e30.AAAA")
        refuses(sign(part, CLAIMS))
        refuses(sign(HEADER, part))

    @pytest.mark.parametrize(
        "header",
        [
            {"alg": "none"},
            {"alg": "HS256"},
            {"alg": "ES384"},
            {"alg": "es256"},
            {"alg": ["ES256"]},
            {"alg": None},
            {"typ": "JWT"},
            {"typ": "refresh+jwt"},
            {"typ": None},
            {"typ": 1},
            {"crit": []},
            {"crit": ["exp"]},
            {"crit": None},
            {"kid": "unknown"},
            {"kid": None},
            {"kid": [KEY_ID]},
            {"kid": {}},
        ],
    )
    def test_refuses_another_header(self, header: dict[str, Any]) -> None:
        refuses(sign(HEADER | header, CLAIMS))

    @pytest.mark.parametrize("name", HEADER)
    def test_refuses_a_header_that_lacks_something(self, name: str) -> None:
        refuses(sign({key: value for key, value in HEADER.items() if key != name}, CLAIMS))

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

    @pytest.mark.parametrize("name", CLAIMS)
    def test_requires_every_claim(self, name: str) -> None:
        refuses(sign(HEADER, {key: value for key, value in CLAIMS.items() if key != name}))

    @pytest.mark.parametrize("name", CLAIMS)
    @pytest.mark.parametrize("value", [None, True, 1.5, [], {}, 10**30])
    def test_requires_the_right_type_of_every_claim(self, name: str, value: Any) -> None:
        refuses(sign(HEADER, CLAIMS | {name: value}))

    @pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "jti", "sid"])
    @pytest.mark.parametrize("value", ["", "x", 0, -1])
    def test_refuses_a_value_of_the_right_type(self, name: str, value: Any) -> None:
        refuses(sign(HEADER, CLAIMS | {name: value}))

    @pytest.mark.parametrize(
        "claims",
        [
            {"exp": str(CLAIMS["exp"])},
            {"exp": float(CLAIMS["exp"])},
            {"exp": True},
            {"exp": float("inf")},
            {"exp": float("nan")},
            {"exp": 10**400},
            {"exp": -(10**30)},
            {"iat": float(CLAIMS["iat"])},
            {"iat": CLAIMS["iat"] + 31},
            {"nbf": CLAIMS["iat"] + 31},
            {"iat": CLAIMS["iat"] + 31, "nbf": CLAIMS["iat"]},
            {"nbf": str(CLAIMS["iat"])},
            {"aud": "other"},
            {"aud": ["api"]},
            {"aud": ["api", "other"]},
            {"iss": "other"},
            {"iss": ["tickbox"]},
            {"sub": "me@example.com"},
            {"scope": ["todos:read"]},
        ],
    )
    def test_refuses_other_claims(self, claims: dict[str, Any]) -> None:
        refuses(sign(HEADER, CLAIMS | claims))

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

    def test_takes_a_clock_that_is_30_s_ahead(self) -> None:
        claims = CLAIMS | {"iat": CLAIMS["iat"] + 30}
        assert TOKENS.read(sign(HEADER, claims)).user_id == USER_ID

    @pytest.mark.parametrize("remembered", [True, False])
    def test_expires_by_the_injected_clock(self, clock: Clock, remembered: bool) -> None:
        tokens = access_tokens(now=clock)
        token = issue(tokens)
        reader = tokens if remembered else access_tokens(now=clock)
        if remembered:
            reader.read(token)
        expires_at = NOW.replace(microsecond=0) + LIFETIME
        clock.now = expires_at - timedelta(milliseconds=1)
        assert reader.read(token).expires_at == expires_at
        # "on or after which" it is refused (RFC 7519, section 4.1.4)
        clock.now = expires_at
        for _ in range(2):
            with pytest.raises(InvalidToken, match="expired"):
                reader.read(token)


class TestRemembered:
    def test_verifies_once(self, verifications: list[bytes]) -> None:
        tokens, token = access_tokens(), issue()
        assert [tokens.read(token) for _ in range(10)] == [TOKENS.read(token)] * 10
        assert len(verifications) == 2

    def test_another_spelling_is_not_what_is_remembered(self) -> None:
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
        monkeypatch.setattr(security, "_MAX_TOKENS_REMEMBERED", 2)
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


class TestKeys:
    def test_the_first_signs_and_all_verify(self) -> None:
        before = access_tokens(pem(KEY))
        during = access_tokens(pem(OTHER_KEY) + pem(KEY))
        after = access_tokens(pem(OTHER_KEY))
        old, new = issue(before), issue(during)
        assert during.read(old).user_id == during.read(new).user_id == USER_ID
        assert after.read(new).user_id == USER_ID
        for tokens, token in ((before, new), (after, old)):
            with pytest.raises(InvalidToken):
                tokens.read(token)
        assert [key["kid"] for key in during.jwks()["keys"]] == [
            after.jwks()["keys"][0]["kid"],
            KEY_ID,
        ]

    @pytest.mark.parametrize(
        "text",
        [
            pem(KEY).replace("\n", "\\n"),
            pem(KEY).replace("\n", "\\r\\n"),
            pem(KEY).replace("\n", "\r\n"),
            pem(KEY, SEC1),
            f"\n  {pem(KEY)}\n\n",
            pem(KEY).strip() + pem(KEY).strip(),
            # what `openssl ecparam -name prime256v1 -genkey` writes
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
            + pem(KEY, SEC1),
        ],
        ids=["\\n", "\\r\\n", "CRLF", "SEC 1", "blank", "twice", "parameters"],
    )
    def test_takes_pem_as_it_comes(self, text: str) -> None:
        tokens = access_tokens(text)
        assert tokens.jwks() == TOKENS.jwks()
        assert tokens.read(TOKEN) == TOKENS.read(TOKEN)
        assert TOKENS.read(issue(tokens)).user_id == USER_ID

    @pytest.mark.parametrize(
        "text",
        [
            " ",
            "not a key",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----",
            pem(KEY) + "and more",
            pem(KEY)[:-30],
            pem(KEY).replace("M", "é", 1),
            pem(ec.generate_private_key(ec.SECP384R1())),
            pem(ec.generate_private_key(ec.SECP256K1())),
            pem(rsa.generate_private_key(65537, 2048)),
            pem(KEY) + pem(ec.generate_private_key(ec.SECP384R1())),
            public_pem(KEY),
            pem(KEY) + public_pem(OTHER_KEY),
            encrypted_pem(KEY),
        ],
        ids=str.split(
            "blank words garbage parameters rest cut accent P-384 secp256k1 RSA "
            "second-P-384 public second-public encrypted"
        ),
    )
    def test_anything_else_stops_the_start_with_a_sentence(self, text: str) -> None:
        with pytest.raises(SettingsError) as error:
            access_tokens(text)
        message = str(error.value)
        assert message.startswith("TICKBOX_SIGNING_KEYS ")
        assert message.endswith(".")
        assert "\n" not in message
        assert error.value.__suppress_context__

    def test_no_key_stops_the_start(self) -> None:
        with pytest.raises(SettingsError):
            AccessTokens("", issuer="a", audience="b", lifetime=LIFETIME, now=Clock())

    def test_jwks_shows_public_members_only(self) -> None:
        numbers = KEY.public_key().public_numbers()
        assert TOKENS.jwks() == {
            "keys": [
                {
                    "kty": "EC",
                    "crv": "P-256",
                    "x": encode(numbers.x.to_bytes(32, "big")),
                    "y": encode(numbers.y.to_bytes(32, "big")),
                    "kid": KEY_ID,
                    "use": "sig",
                    "alg": "ES256",
                }
            ]
        }

    def test_key_id_is_the_thumbprint(self) -> None:
        # RFC 7517, appendix A.2; its thumbprint after RFC 7638 is widely published.
        members = {
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
        }
        x, y, d = (int.from_bytes(decode(members[name]), "big") for name in ("x", "y", "d"))
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1())
        key = ec.EllipticCurvePrivateNumbers(d, public).private_key()
        [jwk] = access_tokens(pem(key)).jwks()["keys"]
        assert jwk["kid"] == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"


class TestOpaqueTokens:
    def test_holds_256_random_bits_behind_its_prefix(self) -> None:
        tokens = {new_opaque_token() for _ in range(100)}
        assert len(tokens) == 100
        for token in tokens:
            assert token.startswith("tbr_")
            assert len(decode(token.removeprefix("tbr_"))) == 32
        assert new_opaque_token("tbp_").startswith("tbp_")

    def test_hash_is_sha_256(self) -> None:
        assert hash_opaque_token("tbr_x") == hashlib.sha256(b"tbr_x").digest()

    @given(st.text(st.characters(categories=["L", "Cs", "Cc"])))
    @example("\ud800")
    def test_hash_takes_any_text(self, text: str) -> None:
        assert len(hash_opaque_token(text)) == 32


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
