"""The rules of signing in: grants, refresh tokens, and whose an access token is."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from uuid import UUID

from app.auth.ended import EndedSessions
from app.auth.errors import (
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    RefreshTokenReused,
    UnsupportedGrantType,
)
from app.auth.repository import SessionRepository
from app.auth.schemas import TokenRequest, TokenResponse
from app.core.authentication import SCOPES, Principal
from app.core.clock import new_id
from app.core.config import Settings
from app.core.context import Context
from app.core.database import Session
from app.core.metrics import Outcomes
from app.core.security import AccessTokens, InvalidToken, hash_opaque_token, new_opaque_token
from app.users.service import UserService, account_key

_GRANTS = ("password", "refresh_token")

# What is done for an account, and which exception is a failure: these are allowed so often only.
Failing = Callable[[bytes, type[Exception]], AbstractAsyncContextManager[None]]


class TokenAuthenticator:
    """Judges access tokens: `core.authentication.Authenticator`."""

    def __init__(self, tokens: AccessTokens, ended: EndedSessions) -> None:
        self._tokens = tokens
        self._ended = ended

    async def authenticate(self, token: str) -> Principal:
        """Raises `InvalidToken`."""
        proved = self._tokens.read(token)
        if await self._ended.has(proved.session_id):
            raise InvalidToken("The session has ended.")
        return Principal(proved.user_id, proved.session_id, proved.scopes)


class AuthService:
    """Signing in and out, in one request."""

    def __init__(
        self,
        session: Session,
        users: UserService,
        tokens: AccessTokens,
        ended: EndedSessions,
        context: Context,
        settings: Settings,
        failing: Failing,
        sign_ins: Outcomes,
    ) -> None:
        self._session = session
        self._repository = SessionRepository(session)
        self._users = users
        self._tokens = tokens
        self._ended = ended
        self._context = context
        self._settings = settings
        self._failing = failing
        self._sign_ins = sign_ins

    async def grant(self, request: TokenRequest) -> TokenResponse:
        """The tokens that a grant gives. Raises an `OAuthError`."""
        if request.grant_type not in _GRANTS:
            raise UnsupportedGrantType
        with self._sign_ins.counted(request.grant_type):
            if request.grant_type == "password":
                return await self._sign_in(request)
            return await self._refresh(request)

    async def revoke(self, token: str) -> None:
        """End the session of a refresh or access token; another one is ignored (RFC 7009, 2.2)."""
        row = await self._repository.session_of(hash_opaque_token(token))
        if row is not None:
            await self._end(row["session_id"])
            return
        try:
            await self._end(self._tokens.read(token).session_id)
        except InvalidToken:
            return

    async def _sign_in(self, request: TokenRequest) -> TokenResponse:
        if request.username is None or request.password is None:
            raise InvalidRequest("`username` and `password` are needed.")
        scopes = _requested(request.scope, frozenset(SCOPES))
        account = hash_opaque_token(account_key(request.username) or request.username)
        async with self._failing(account, InvalidGrant):
            user_id = await self._users.verify(request.username, request.password)
            if user_id is None:
                raise InvalidGrant
        session_id = new_id()
        refresh_token, token = self._new_refresh_token()
        await self._repository.start(
            session_id=session_id, user_id=user_id, scope=_joined(scopes), **token
        )
        return self._response(user_id, session_id, scopes, refresh_token)

    async def _refresh(self, request: TokenRequest) -> TokenResponse:
        if request.refresh_token is None:
            raise InvalidRequest("`refresh_token` is needed.")
        token_hash = hash_opaque_token(request.refresh_token)
        session = await self._repository.use_token(token_hash=token_hash, now=self._context.now())
        if session is None:
            row = await self._repository.session_of(token_hash)
            if row is None or row["used_at"] is None:
                raise InvalidGrant
            await self._end(row["session_id"])
            raise RefreshTokenReused
        scopes = _requested(request.scope, frozenset(session["scope"].split()))
        refresh_token, token = self._new_refresh_token()
        await self._repository.add_token(session_id=session["id"], **token)
        return self._response(session["user_id"], session["id"], scopes, refresh_token)

    async def _end(self, session_id: UUID) -> None:
        async def remember() -> None:
            self._ended.add(session_id)

        await self._repository.end(session_id)
        self._session.after_commit(remember)

    def _new_refresh_token(self) -> tuple[str, dict[str, object]]:
        """A refresh token, and its row but for the session."""
        token = new_opaque_token()
        now = self._context.now()
        return token, {
            "id": new_id(),
            "token_hash": hash_opaque_token(token),
            "now": now,
            "expires_at": now + timedelta(seconds=self._settings.refresh_token_seconds),
        }

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
    """RFC 6749, section 3.3. Raises `InvalidScope` for what cannot be had."""
    requested = frozenset((scope or "").split())
    if not requested:
        return grantable
    if not requested <= grantable:
        raise InvalidScope
    return requested


def _joined(scopes: frozenset[str]) -> str:
    return " ".join(sorted(scopes))
