"""Errors of todos."""

from app.core.errors import FieldError, NotFound, ValidationFailed


class ParentNotFound(NotFound):
    code = "parent_not_found"
    title = "There is no such parent, or you may not see it"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError("/parent_id", self.code, "does not exist"),))


class ParentElsewhere(ValidationFailed):
    code = "parent_in_other_project"
    title = "The parent is in another project"

    def __init__(self) -> None:
        super().__init__(
            errors=(FieldError("/parent_id", self.code, "must be in the same project"),)
        )


class TooDeep(ValidationFailed):
    code = "too_deep"
    title = "Subtasks go five levels deep, with the root"

    def __init__(self, pointer: str = "/parent_id") -> None:
        super().__init__(errors=(FieldError(pointer, self.code, "has no level below it"),))


class SiblingNotFound(NotFound):
    """The todo before or after which another one is to go."""

    code = "sibling_not_found"
    title = "There is no such todo to go beside, or you may not see it"

    def __init__(self, pointer: str = "/before") -> None:
        super().__init__(errors=(FieldError(pointer, self.code, "does not exist"),))


class SortNeedsProject(ValidationFailed):
    code = "sort_needs_project"
    title = "Positions order the todos of one project"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError("/sort", self.code, "needs one project_id", "query"),))


class SortNeedsSearch(ValidationFailed):
    code = "sort_needs_search"
    title = "Relevance orders what a search finds"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError("/sort", self.code, "needs q", "query"),))
