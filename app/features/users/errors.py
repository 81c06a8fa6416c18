"""What can go wrong with accounts."""

from app.core.errors import Conflict, FieldError, ValidationFailed


class EmailTaken(Conflict):
    code = "email_taken"
    title = "There is an account with this e-mail address"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError("/email", self.code, "is taken"),))


class PasswordIncorrect(ValidationFailed):
    """Of an account that somebody is signed in to: nobody learns by it which accounts there are."""

    def __init__(self, pointer: str) -> None:
        super().__init__(
            errors=(FieldError(pointer, "password_incorrect", "is not the account's password"),)
        )
