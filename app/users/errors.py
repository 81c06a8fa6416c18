"""What can go wrong with accounts."""

from app.core.errors import Conflict, FieldError


class EmailTaken(Conflict):
    code = "email_taken"
    title = "There is an account with this e-mail address"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError("/email", self.code, "is taken"),))
