"""Errors of labels."""

from app.core.errors import Conflict, FieldError, ValidationFailed


class LabelNameTaken(Conflict):
    code = "label_name_taken"
    title = "There is a label of that name, whatever the case and width"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError("/name", self.code, "is another label's"),))


class LabelRepeated(ValidationFailed):
    """Two of a todo's labels are the same; `place` is that of the second."""

    code = "label_repeated"
    title = "A todo has a label once, whatever the case and width"

    def __init__(self, place: int = 1) -> None:
        super().__init__(errors=(FieldError(f"/labels/{place}", self.code, "is there already"),))
