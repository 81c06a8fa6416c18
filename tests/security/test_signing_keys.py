import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from app.core.errors import InvalidToken
from app.core.settings import SettingsError
from app.security.access_tokens import AccessTokens
from tests.security.jwts import (
    KEY,
    KEY_ID,
    LIFETIME,
    OTHER_KEY,
    SEC1,
    TOKEN,
    TOKENS,
    USER_ID,
    Clock,
    access_tokens,
    decode,
    encode,
    encrypted_pem,
    issue,
    pem,
    public_pem,
)


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
