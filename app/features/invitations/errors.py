"""Errors of invitations."""

from app.core.errors import Conflict


class InvitationNotPending(Conflict):
    code = "invitation_not_pending"
    title = "The invitation was answered, revoked or replaced, or its time is over"
