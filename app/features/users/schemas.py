"""Schemas of accounts."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from app.core.schemas import Input, Instant, Patch, Schema
from app.core.text_rules import OneLine, Storable
from app.core.timezones import TimeZone
from app.features.users import emails

WeekStart = TypeAliasType(
    "WeekStart",
    Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
)
DisplayName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Storable,
    OneLine,
]
# RFC 5646, section 2.1, without its rarest forms.
Locale = Annotated[
    str,
    Field(
        pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z]{4})?(-([a-zA-Z]{2}|[0-9]{3}))?(-[a-zA-Z0-9]{5,8})*$",
        max_length=35,
        examples=["en", "pt-BR"],
    ),
]

_EXAMPLE: JsonDict = {"email": "ada@example.com", "password": "correct horse battery staple"}
_CHANGE: JsonDict = {
    "current": "correct horse battery staple",
    "new": "eight ravens count the coins",
}


def _email_address(text: str) -> str:
    try:
        return emails.normalise(text)
    except ValueError:
        raise PydanticCustomError("invalid_email", "must be an e-mail address") from None


Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=emails.MAX_LENGTH),
    AfterValidator(_email_address),
    Field(json_schema_extra={"format": "email"}),
]


_WELCOME = (
    "At least 15 characters (or what this server asks for), at most 128, and not a common one, "
    "however often, or with a few digits or punctuation."
)
Password = Annotated[
    str, Field(max_length=4096, json_schema_extra={"format": "password", "writeOnly": True})
]
# No control characters; `passwords.accept` has the other rules, which go by the text in NFC.
NewPassword = Annotated[
    Password,
    Field(description=_WELCOME, json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"}),
]


class UserCreate(Input):
    """A new account."""

    model_config = {"json_schema_extra": {"examples": [_EXAMPLE]}}

    email: Email
    password: NewPassword
    display_name: DisplayName | None = None
    timezone: TimeZone = "UTC"
    locale: Locale = "en"
    week_start: WeekStart = "monday"

    def __repr_args__(self) -> Any:
        """All fields but the password."""
        return [(name, value) for name, value in super().__repr_args__() if name != "password"]


class UserUpdate(Patch):
    """A merge patch of your account: only what you send changes."""

    model_config = {"json_schema_extra": {"examples": [{"timezone": "Europe/Berlin"}]}}

    display_name: DisplayName | None = None
    timezone: TimeZone = ""
    locale: Locale = ""
    week_start: WeekStart = "monday"


class PasswordChange(Input):
    """Another password."""

    model_config = {"json_schema_extra": {"examples": [_CHANGE]}}

    current: Password = Field(description="The password so far.")
    new: NewPassword

    def __repr_args__(self) -> Any:
        """Nothing of what was sent: it is all secret."""
        return []


class AccountDeletion(Input):
    """The end of an account."""

    model_config = {"json_schema_extra": {"examples": [{"password": _EXAMPLE["password"]}]}}

    password: Password = Field(description="The account's, once more.")

    def __repr_args__(self) -> Any:
        """Nothing of what was sent: it is all secret."""
        return []


class UserRead(Schema):
    """An account, as its owner sees it."""

    id: UUID
    version: int = Field(description="Raised by every change; the `ETag` holds it too.")
    email: str = Field(examples=["ada@example.com"])
    email_verified_at: Instant | None = Field(
        description="When you proved that the address is yours."
    )
    display_name: str | None = Field(examples=["Ada Lovelace"])
    timezone: str = Field(examples=["Europe/Berlin"])
    locale: str = Field(examples=["en-GB"])
    week_start: WeekStart
    created_at: Instant
    updated_at: Instant
