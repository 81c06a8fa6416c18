"""Errors of members."""

from app.core.errors import Conflict, FieldError, ValidationFailed


class NotTheRoot(Conflict):
    code = "not_the_root"
    title = "Members are those of the project at the top level"


class OwnerCannotLeave(Conflict):
    code = "owner_cannot_leave"
    title = "The owner stays until the project is somebody else's"


class AlreadyMember(Conflict):
    code = "already_member"
    title = "This is a member of the project already"

    def __init__(self, pointer: str | None = None) -> None:
        """`pointer` names what was sent that is a member's."""
        errors = () if pointer is None else (FieldError(pointer, self.code, "is a member's"),)
        super().__init__(errors=errors)


class NotAMember(ValidationFailed):
    """`pointer` names who is no member of the project."""

    code = "not_a_member"
    title = "This is no member of the project"

    def __init__(self, pointer: str = "/user_id") -> None:
        super().__init__(errors=(FieldError(pointer, self.code, "is no member of the project"),))
