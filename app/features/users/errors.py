"""Errors of accounts."""

from app.core.errors import Conflict, FieldError, ValidationFailed


class EmailTaken(Conflict):
    code = "email_taken"
    title = "There is an account with this e-mail address"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError("/email", self.code, "is taken"),))


class PasswordIncorrect(ValidationFailed):
    """The signed-in user's own password is wrong; this tells nobody which accounts exist."""

    def __init__(self, pointer: str) -> None:
        super().__init__(
            errors=(FieldError(pointer, "password_incorrect", "is not the account's password"),)
        )
