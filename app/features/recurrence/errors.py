"""Errors of recurrences and completions."""

from app.core.errors import Conflict, FieldError, ValidationFailed

_RRULE = "/recurrence/rrule"


class RruleInvalid(ValidationFailed):
    code = "rrule_invalid"
    title = "The recurrence rule is not valid"

    def __init__(self, reason: str = "needs FREQ") -> None:
        super().__init__(errors=(FieldError(_RRULE, self.code, f"is not valid: {reason}"),))


class RruleTooFine(ValidationFailed):
    code = "rrule_too_fine"
    title = "What is due all day repeats once a day at most"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError(_RRULE, self.code, "needs a due with a time"),))


class RruleEnds(ValidationFailed):
    code = "rrule_ends"
    title = "No occurrence follows the due"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError(_RRULE, self.code, "has no occurrence after the due"),))


class RecurrenceNeedsDue(ValidationFailed):
    code = "recurrence_needs_due"
    title = "What repeats needs a due"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError("/due", self.code, "is needed by the recurrence"),))


class NotRepeating(Conflict):
    code = "not_repeating"
    title = "The todo does not repeat, or has ended"


class OccurrenceNotCurrent(Conflict):
    code = "occurrence_not_current"
    title = "This is not the current occurrence"


class CompletionNotLatest(Conflict):
    code = "completion_not_latest"
    title = "This is not the latest completion"
