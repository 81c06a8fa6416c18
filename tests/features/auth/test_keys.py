"""`/.well-known/jwks.json`: whoever gets an access token can check it without Tickbox."""

import base64
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from httpx import AsyncClient

from app.core.settings import Settings
from app.embedded.keys import new_signing_key
from tests.apps import client_of, running
from tests.features.auth.tokens import is_alive, refresh
from tests.people import Json, Person, sign_in

JWKS = "/.well-known/jwks.json"


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def verified(token: str, jwks: Json) -> tuple[Json, Json]:
    """Header and claims, checked as RFC 7515 and RFC 7518 have it, without python-jose."""
    header, claims, signature = token.split(".")
    [key] = [key for key in jwks["keys"] if key["kid"] == json.loads(decode(header))["kid"]]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    x, y = (int.from_bytes(decode(key[name]), "big") for name in ("x", "y"))
    public_key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    raw = decode(signature)
    assert len(raw) == 64
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    public_key.verify(
        encode_dss_signature(r, s), f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256())
    )
    return json.loads(decode(header)), json.loads(decode(claims))


async def keys(client: AsyncClient) -> Json:
    response = await client.get(JWKS)
    assert response.status_code == 200
    found: Json = response.json()
    return found


async def test_anybody_may_read_and_keep_them_for_a_while(client: AsyncClient) -> None:
    response = await client.get(JWKS)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "public, max-age=300"


async def test_hold_nothing_private(client: AsyncClient) -> None:
    for key in (await keys(client))["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


async def test_verify_an_access_token(client: AsyncClient, ada: Person) -> None:
    header, claims = verified(ada.tokens["access_token"], await keys(client))

    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": header["kid"]}
    assert claims["iss"] == claims["aud"] == "tickbox"
    assert claims["sub"] == str(ada.id)
    assert claims["scope"] == ada.tokens["scope"]
    assert claims["exp"] - claims["iat"] == ada.tokens["expires_in"] == 900
    assert {"jti", "sid"} < set(claims)


async def test_do_not_verify_a_forged_one(client: AsyncClient, ada: Person) -> None:
    header, claims, signature = ada.tokens["access_token"].split(".")
    forged = json.loads(decode(claims)) | {"sub": "01900000-0000-7000-8000-000000000001"}
    text = base64.urlsafe_b64encode(json.dumps(forged).encode()).rstrip(b"=").decode()
    with pytest.raises(InvalidSignature):
        verified(f"{header}.{text}.{signature}", await keys(client))


class TestRotation:
    async def test_verifies_with_both_keys_and_signs_with_the_first(
        self, settings: Settings, ada: Person
    ) -> None:
        async with self.rotated(settings) as app, client_of(app) as client:
            published = await keys(client)
            assert len(published["keys"]) == 2
            assert await is_alive(app, ada.tokens)
            renewed = (await refresh(client, ada.tokens)).json()
            assert await is_alive(app, renewed)

        old_header, old_claims = verified(ada.tokens["access_token"], published)
        new_header, new_claims = verified(renewed["access_token"], published)
        assert new_header["kid"] == published["keys"][0]["kid"]
        assert old_header["kid"] == published["keys"][1]["kid"]
        assert old_claims["sid"] == new_claims["sid"]

    async def test_ends_what_a_removed_key_signed(self, settings: Settings, ada: Person) -> None:
        async with running(settings, signing_keys=new_signing_key()) as app:
            assert not await is_alive(app, ada.tokens)
            async with client_of(app) as client:
                assert await is_alive(app, await sign_in(client, ada.user["email"]))

    @staticmethod
    def rotated(settings: Settings) -> Any:
        """An app with a new key in front of the one that the tests share."""
        assert settings.signing_keys is not None
        both = new_signing_key() + settings.signing_keys.get_secret_value()
        return running(settings, signing_keys=both)
