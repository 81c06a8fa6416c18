from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.core.errors import InvalidToken
from app.security.access_tokens import AccessToken
from tests.security.jwts import (
    CLAIMS,
    HEADER,
    KEY_ID,
    LIFETIME,
    NOW,
    TOKENS,
    USER_ID,
    Clock,
    access_tokens,
    issue,
    refuses,
    sign,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


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
            assert read == AccessToken(
                user_id, session_id, scopes, token_id=read.token_id, expires_at=now + LIFETIME
            )

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
