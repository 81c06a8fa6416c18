"""Errors of projects."""

from collections.abc import Iterable

from app.core.errors import (
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    ValidationFailed,
    pointer,
)


class ProjectNotFound(NotFound):
    """A project named in a body is not found; for one in the path it is `NotFound`."""

    code = "project_not_found"
    title = "There is no such project, or you may not see it"

    def __init__(self, pointer: str = "/project_id") -> None:
        super().__init__(errors=(FieldError(pointer, self.code, "does not exist"),))


class ProjectArchived(Forbidden):
    code = "project_archived"
    title = "An archived project is read-only"


class InboxProtected(Conflict):
    code = "inbox_protected"
    title = "The Inbox cannot be archived or deleted"


class MovedIntoItself(ValidationFailed):
    """`pointer` names what is the moved one itself, or below it."""

    code = "moved_into_itself"
    title = "Nothing can be moved into itself, or below itself"

    def __init__(self, pointer: str = "/parent_id") -> None:
        super().__init__(errors=(FieldError(pointer, self.code, "is itself, or below it"),))


class PlaceAmbiguous(ValidationFailed):
    """`names` are the fields that were sent, of those of which one is to be."""

    code = "place_ambiguous"
    title = "A place is exactly one of before, after, first and last"

    def __init__(self, names: Iterable[str] = ()) -> None:
        pointers = [pointer([name]) for name in names] or [""]
        super().__init__(
            errors=tuple(FieldError(at, self.code, "must be one place") for at in pointers)
        )


class PlaceContradicts(ValidationFailed):
    code = "place_contradicts"
    title = "The parts of this place are not the same place"

    def __init__(self, pointer: str = "/parent_id") -> None:
        super().__init__(errors=(FieldError(pointer, self.code, "is not where the other part is"),))


class ProjectTooDeep(ValidationFailed):
    code = "project_too_deep"
    title = "Projects go five levels deep, with the root"

    def __init__(self, pointer: str = "/parent_id") -> None:
        super().__init__(errors=(FieldError(pointer, self.code, "has no level below it"),))
