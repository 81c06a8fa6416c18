"""The rules of signing in: who a token belongs to, and what each grant type gives."""

from uuid import UUID

from app.core.errors import InvalidToken
from app.core.settings import Settings
from app.features.auth.errors import (
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    RefreshTokenReused,
    UnsupportedGrantType,
)
from app.features.auth.schemas import GRANTS, Introspection, TokenRequest, TokenResponse
from app.features.sessions.revocations import EndedSessions
from app.features.sessions.service import SessionReader, SessionService
from app.features.users.credentials import PasswordProof
from app.features.users.service import UserService
from app.observability.metrics import Outcomes
from app.security.access_tokens import AccessTokens
from app.security.principal import Principal

_INACTIVE = Introspection(active=False)


class TokenAuthenticator:
    """Finds the principal of an access token, for the request gate."""

    def __init__(self, tokens: AccessTokens, ended: EndedSessions) -> None:
        self._tokens = tokens
        self._ended = ended

    async def authenticate(self, token: str) -> Principal:
        """Return the token's principal. Raises `InvalidToken`."""
        proved = self._tokens.read(token)
        if await self._ended.has(proved.session_id):
            raise InvalidToken("The session has ended.")
        return proved


class TokenInspector:
    """Tells owners of tokens what these permit (RFC 7662)."""

    def __init__(
        self,
        sessions: SessionReader,
        tokens: AccessTokens,
        ended: EndedSessions,
        settings: Settings,
    ) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._ended = ended
        self._settings = settings

    async def introspect(self, principal: Principal, token: str) -> Introspection:
        """Describe a token; one that is invalid or somebody else's is only `active: false`."""
        try:
            proved = self._tokens.read(token)
        except InvalidToken:
            return await self._refresh_token(principal, token)
        if proved.user_id != principal.user_id or await self._ended.has(proved.session_id):
            return _INACTIVE
        return Introspection(
            active=True,
            token_type="Bearer",  # noqa: S106 - RFC 6750's name, no password
            scope=_joined(proved.scopes),
            sub=proved.user_id,
            exp=int(proved.expires_at.timestamp()),
            iss=self._settings.issuer,
            aud=self._settings.audience,
            jti=proved.token_id,
        )

    async def _refresh_token(self, principal: Principal, token: str) -> Introspection:
        known = await self._sessions.token(token)
        if known is None or known.user_id != principal.user_id:
            return _INACTIVE
        return Introspection(
            active=True,
            scope=known.scope,
            sub=known.user_id,
            exp=int(known.expires_at.timestamp()),
            iss=self._settings.issuer,
        )


class AuthService:
    """Signs in and out, in one request."""

    def __init__(
        self,
        users: UserService,
        passwords: PasswordProof,
        sessions: SessionService,
        tokens: AccessTokens,
        scopes: frozenset[str],
        settings: Settings,
        sign_ins: Outcomes,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._sessions = sessions
        self._tokens = tokens
        self._scopes = scopes
        self._settings = settings
        self._sign_ins = sign_ins

    async def grant(self, request: TokenRequest) -> TokenResponse:
        """Issue the tokens for a token request. Raises an `OAuthError`."""
        if request.grant_type not in GRANTS:
            raise UnsupportedGrantType
        with self._sign_ins.counted(request.grant_type):
            if request.grant_type == "password":
                return await self._sign_in(request)
            return await self._refresh(request)

    async def revoke(self, token: str) -> None:
        """End the session of a token; an unknown one is ignored (RFC 7009, section 2.2)."""
        known = await self._sessions.of_token(token)
        if known is not None:
            await self._sessions.end(known[0])
            return
        try:
            await self._sessions.end(self._tokens.read(token).session_id)
        except InvalidToken:
            return

    async def _sign_in(self, request: TokenRequest) -> TokenResponse:
        if request.username is None or request.password is None:
            raise InvalidRequest("`username` and `password` are needed.")
        scopes = _requested(request.scope, self._scopes)
        proved = await self._passwords.by_email(request.username, request.password)
        # The password may have changed while it was checked; the old one starts no session then.
        if proved is None or not await self._users.still_has(proved):
            raise InvalidGrant
        session_id, refresh_token = await self._sessions.start(proved.user_id, _joined(scopes))
        return self._response(proved.user_id, session_id, scopes, refresh_token)

    async def _refresh(self, request: TokenRequest) -> TokenResponse:
        if request.refresh_token is None:
            raise InvalidRequest("`refresh_token` is needed.")
        renewal = await self._sessions.use(request.refresh_token)
        if renewal is None:
            known = await self._sessions.of_token(request.refresh_token)
            if known is None:
                raise InvalidGrant
            session_id, was_used = known
            if not was_used:
                raise InvalidGrant
            await self._sessions.end(session_id)
            raise RefreshTokenReused
        scopes = _requested(request.scope, frozenset(renewal.scope.split()))
        refresh_token = await self._sessions.next_token(renewal.session_id)
        return self._response(renewal.user_id, renewal.session_id, scopes, refresh_token)

    def _response(
        self, user_id: UUID, session_id: UUID, scopes: frozenset[str], refresh_token: str
    ) -> TokenResponse:
        return TokenResponse(
            access_token=self._tokens.issue(
                user_id=user_id, session_id=session_id, scopes=sorted(scopes)
            ),
            token_type="Bearer",  # noqa: S106 - RFC 6750's name, no password
            expires_in=self._settings.access_token_seconds,
            refresh_token=refresh_token,
            scope=_joined(scopes),
        )


def _requested(scope: str | None, grantable: frozenset[str]) -> frozenset[str]:
    """The scopes to grant (RFC 6749, section 3.3). Raises `InvalidScope` for others."""
    # Only spaces separate scopes; other white space makes an unknown name.
    requested = frozenset((scope or "").split(" ")) - {""}
    if not requested:
        return grantable
    if not requested <= grantable:
        raise InvalidScope
    return requested


def _joined(scopes: frozenset[str]) -> str:
    return " ".join(sorted(scopes))
