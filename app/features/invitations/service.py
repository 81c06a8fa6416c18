"""The rules of invitations: an owner sends them, and whoever has the address or token answers."""

from datetime import datetime, timedelta
from uuid import UUID

import orjson

from app.core.clock import new_id
from app.core.context import Context
from app.core.errors import NotFound, QuotaExceeded
from app.core.pagination import Cursors
from app.core.schemas import JsonPage, JsonRow
from app.core.signing import Signer
from app.database.repository import Row
from app.features.invitations.errors import InvitationNotPending
from app.features.invitations.repository import InvitationRepository
from app.features.invitations.schemas import (
    InvitationAcceptance,
    InvitationCreate,
    InvitationQuery,
)
from app.features.members.errors import AlreadyMember
from app.features.members.service import MemberService, require_root, require_shareable
from app.features.projects.permissions import require_owner
from app.features.users import emails
from app.security.access_tokens import hash_opaque_token, new_opaque_token
from app.security.principal import Principal


class InvitationService:
    """Sends and answers invitations, for one principal in one request.

    They are good for `lifetime`; a project has `quota` members and invitations at most.
    """

    def __init__(
        self,
        repository: InvitationRepository,
        members: MemberService,
        principal: Principal,
        context: Context,
        signer: Signer,
        *,
        lifetime: timedelta,
        quota: int,
    ) -> None:
        self._repository = repository
        self._members = members
        self._principal = principal
        self._context = context
        self._signer = signer
        self._lifetime = lifetime
        self._quota = quota

    async def sent(self, project_id: UUID, query: InvitationQuery) -> JsonPage:
        """Read a page of a project's pending invitations, as its owner.

        Raises `NotFound`, `Forbidden`, `NotTheRoot`, `CursorInvalid`.
        """
        cursors = self._cursors(query, f"invitations to {project_id}")
        rows = await self._repository.page_of_project(
            project_id,
            cursors.decode(query.cursor),
            limit=query.limit + 1,
            with_total=query.include_total,
            now=self._context.now(),
        )
        require_owner(rows[0])
        require_root(rows[0])
        return cursors.page(rows, query)

    async def mine(self, query: InvitationQuery) -> JsonPage:
        """Read a page of the principal's pending invitations. Raises `CursorInvalid`."""
        cursors = self._cursors(query, "invitations")
        rows = await self._repository.page_of_mine(
            cursors.decode(query.cursor),
            limit=query.limit + 1,
            with_total=query.include_total,
            now=self._context.now(),
        )
        return cursors.page(rows, query)

    async def create(self, project_id: UUID, data: InvitationCreate) -> JsonRow:
        """Invite an address, as the project's owner; the answer has the token.

        Raises `NotFound`, `Forbidden`, `NotTheRoot`, `InboxProtected`, `AlreadyMember`,
        `QuotaExceeded`.
        """
        now, email_key = self._context.now(), emails.key(data.email)
        place = await self._repository.place(project_id, email_key, now)
        require_owner(place)
        require_shareable(place)
        if place["is_member"]:
            raise AlreadyMember("/email")
        if place["taken"] >= self._quota:
            raise QuotaExceeded("members")
        token = new_opaque_token("tbi_")
        values = {
            **data.model_dump(),
            "id": new_id(),
            "project_id": project_id,
            "email_key": email_key,
            "token_hash": hash_opaque_token(token),
            "invited_by": self._principal.user_id,
            "expires_at": now + self._lifetime,
        }
        row = await self._repository.insert(values, now=now)
        shown = {**orjson.loads(row["body"]), "token": token}
        # Nothing changes it but its end.
        return JsonRow(row["id"], 1, orjson.dumps(shown).decode())

    async def revoke(self, project_id: UUID, invitation_id: UUID) -> None:
        """Take an invitation back, as the project's owner.

        Raises `NotFound`, `Forbidden`, `NotTheRoot`, `InvitationNotPending`.
        """
        now = self._context.now()
        place = await self._repository.sent(project_id, invitation_id, now)
        require_owner(place)
        require_root(place)
        if place["id"] is None:
            raise NotFound
        await self._end(invitation_id, now, is_pending=place["is_pending"])

    async def accept(self, invitation_id: UUID) -> JsonRow:
        """Accept one to the principal's address; returns the project.

        Raises `NotFound`, `InvitationNotPending`, `AlreadyMember`, `QuotaExceeded`.
        """
        return await self._join(await self._repository.find(invitation_id))

    async def accept_by_token(self, data: InvitationAcceptance) -> JsonRow:
        """Accept the one with this token. Raises what `accept` does."""
        found = await self._repository.find_named(hash_opaque_token(data.token))
        return await self._join(found)

    async def decline(self, invitation_id: UUID) -> None:
        """Decline one to the principal's address. Raises `NotFound`, `InvitationNotPending`."""
        now = self._context.now()
        await self._repository.find(invitation_id)
        is_pending = await self._repository.is_pending(invitation_id, now)
        await self._end(invitation_id, now, is_pending=is_pending)

    async def _join(self, found: Row) -> JsonRow:
        now = self._context.now()
        place = await self._repository.lock(found["id"], found["project_id"], now)
        if not place["is_pending"]:
            raise InvitationNotPending
        if place["is_member"]:
            raise AlreadyMember
        if place["members"] >= self._quota:
            raise QuotaExceeded("members")
        await self._repository.end(found["id"], now)
        return await self._members.join(found["project_id"], place["tree"], place["role"])

    async def _end(self, invitation_id: UUID, now: datetime, *, is_pending: bool) -> None:
        if not is_pending:
            raise InvitationNotPending
        await self._repository.end(invitation_id, now)

    def _cursors(self, query: InvitationQuery, resource: str) -> Cursors:
        return Cursors(self._signer, self._principal.user_id, query.binding(resource))
