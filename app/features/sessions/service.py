"""The rules of sessions: how they start, go on and end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.clock import new_id
from app.core.context import Context
from app.core.errors import NotFound
from app.core.pagination import Cursors
from app.core.schemas import JsonPage
from app.core.settings import Settings
from app.core.signing import Signer
from app.database.unit_of_work import UnitOfWork
from app.features.sessions.repository import SessionRepository
from app.features.sessions.revocations import EndedSessions
from app.features.sessions.schemas import SessionQuery
from app.security.access_tokens import hash_opaque_token, new_opaque_token
from app.security.principal import Principal

# How long after its last use a network counts as known for the account.
KNOWN_FOR = timedelta(days=30)
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Renewal:
    """A session whose refresh token was used."""

    session_id: UUID
    user_id: UUID
    scope: str


@dataclass(frozen=True, slots=True)
class LiveToken:
    """A refresh token that has not been used and is valid."""

    user_id: UUID
    scope: str
    expires_at: datetime


class SessionReader:
    """Reads sessions, in one request."""

    def __init__(
        self, repository: SessionRepository, context: Context, settings: Settings, signer: Signer
    ) -> None:
        self._repository = repository
        self._context = context
        self._settings = settings
        self._signer = signer

    async def list(self, principal: Principal, query: SessionQuery) -> JsonPage:
        """One page. Raises `CursorInvalid`."""
        cursors = Cursors(self._signer, principal.user_id, query.binding("sessions"))
        rows = await self._repository.page(
            cursors.decode(query.cursor),
            with_total=query.include_total,
            user_id=principal.user_id,
            session_id=principal.session_id,
            since=self._context.now() - lifetime(self._settings),
            limit=query.limit + 1,
        )
        return cursors.page(rows, query)

    async def knows(self, user_id: UUID | None, network: str | None) -> bool:
        """Whether the user lately used this network; as slow where there is no such user."""
        return await self._repository.is_known(
            user_id=user_id or _NOBODY, network=network, since=self._context.now() - KNOWN_FOR
        )

    async def token(self, refresh_token: str) -> LiveToken | None:
        """Describe a valid refresh token; None for any other."""
        row = await self._repository.live_token(
            token_hash=hash_opaque_token(refresh_token), now=self._context.now()
        )
        return None if row is None else LiveToken(row["user_id"], row["scope"], row["expires_at"])


class SessionService:
    """Starts, renews and ends sessions, in one request from `network`.

    `ended` is what this process knows of ended sessions; None where it serves no requests.
    """

    def __init__(
        self,
        unit: UnitOfWork,
        ended: EndedSessions | None,
        context: Context,
        settings: Settings,
        network: str | None,
    ) -> None:
        self._unit = unit
        self._repository = SessionRepository(unit)
        self._ended = ended
        self._context = context
        self._settings = settings
        self._network = network

    async def start(self, user_id: UUID, scope: str) -> tuple[UUID, str]:
        """Start a session; returns its id and first refresh token."""
        session_id = new_id()
        refresh_token, row = self._new_refresh_token()
        await self._repository.start(
            session_id=session_id, user_id=user_id, scope=scope, network=self._network, **row
        )
        return session_id, refresh_token

    async def use(self, refresh_token: str) -> Renewal | None:
        """Use a refresh token, which is good for one use; None if it is not valid."""
        row = await self._repository.use_token(
            token_hash=hash_opaque_token(refresh_token),
            now=self._context.now(),
            network=self._network,
        )
        return None if row is None else Renewal(row["id"], row["user_id"], row["scope"])

    async def next_token(self, session_id: UUID) -> str:
        """Make the session's next refresh token."""
        refresh_token, row = self._new_refresh_token()
        await self._repository.add_token(session_id=session_id, **row)
        return refresh_token

    async def of_token(self, refresh_token: str) -> tuple[UUID, bool] | None:
        """The session of a refresh token, and whether that was used; None for an unknown one."""
        row = await self._repository.session_of(hash_opaque_token(refresh_token))
        return None if row is None else (row["session_id"], row["used_at"] is not None)

    async def end(self, session_id: UUID) -> None:
        """End a session of any user."""
        await self._repository.end(session_id)
        self._remember([session_id])

    async def end_own(self, principal: Principal, session_id: UUID) -> None:
        """End a session of the principal. Raises `NotFound`."""
        since = self._context.now() - lifetime(self._settings)
        if not await self._repository.end_one(
            user_id=principal.user_id, session_id=session_id, since=since
        ):
            raise NotFound
        self._remember([session_id])

    async def end_others(self, principal: Principal) -> None:
        """End all of the principal's sessions but the one that makes the request."""
        self._remember(await self._repository.end_others(principal.user_id, principal.session_id))

    async def end_all(self, user_id: UUID) -> None:
        """End all of a user's sessions, and delete their networks."""
        self._remember(await self._repository.end_others(user_id, None))
        await self._repository.forget_networks(user_id)

    def _remember(self, session_ids: Iterable[UUID]) -> None:
        ended = self._ended
        if ended is None:
            return

        async def remember() -> None:
            for session_id in session_ids:
                ended.add(session_id)

        self._unit.after_commit(remember)

    def _new_refresh_token(self) -> tuple[str, dict[str, object]]:
        """Make a refresh token and its row, without the session's id."""
        token = new_opaque_token()
        now = self._context.now()
        return token, {
            "id": new_id(),
            "token_hash": hash_opaque_token(token),
            "now": now,
            "expires_at": now + timedelta(seconds=self._settings.refresh_token_seconds),
        }


def lifetime(settings: Settings) -> timedelta:
    """How long after its last use a session may still have a valid token."""
    return timedelta(seconds=max(settings.refresh_token_seconds, settings.access_token_seconds))
