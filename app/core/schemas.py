"""What all schemas share: base classes, types of fields, lists and their pages."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import (
    UUID7,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Strict,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError

from app.core.instants import INSTANT_SCHEMA

# Prefix of the tags of discriminated unions, which Pydantic puts into an error's location; they are
# no part of the JSON Pointer.
UNION_TAG = "\x1f"


class _Closed(BaseModel):
    """An object without other fields.

    Of answers the OpenAPI document does not say so: they may have more fields one day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        shown = handler(schema)
        if handler.mode == "serialization":
            handler.resolve_ref_schema(shown).pop("additionalProperties", None)
        return shown


class Schema(_Closed):
    """A representation in an answer: every field is present, none has a default."""


class Input(_Closed):
    """What a client sends; an unknown field is an error."""


class Patch(Input):
    """A merge patch (RFC 7396): a field left out stays as it is, `null` clears.

    The defaults of its fields are not used, and not in the OpenAPI document.
    """

    def given(self) -> dict[str, Any]:
        """The fields that were sent, as they were validated."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        shown = handler.resolve_ref_schema(handler(schema))
        for field in shown.get("properties", {}).values():
            field.pop("default", None)
        return shown


def _literal(value: object) -> object:
    if isinstance(value, str) and re.fullmatch("true|false|-?[0-9]{1,100}", value):
        return value == "true" if value[-1] == "e" else int(value)
    return value


# Strict: not everything that Pydantic could read as one, such as `yes`, `5.0` and ` 5`.
Flag = Annotated[bool, Strict()]
QueryFlag = Annotated[bool, Strict(), BeforeValidator(_literal)]
QueryInteger = Annotated[int, Strict(), BeforeValidator(_literal)]


class ListQuery(Input):
    """The parameters of every list."""

    limit: QueryInteger = Field(
        50,
        ge=1,
        le=200,
        description="How many items a page has at most. It ends early at 4 MiB: only a "
        "`next_cursor` that is `null` ends a list.",
    )
    cursor: str | None = Field(
        None, description="`next_cursor` of the page before, as it was given."
    )
    include_total: QueryFlag = Field(
        False, description="Whether the page also says how many items there are on all pages."
    )

    def binding(self, resource: str) -> str:
        """What a cursor is bound to: all but the place and the size of the page."""
        return resource + self.model_dump_json(exclude={"cursor", "limit", "include_total"})


@dataclass(frozen=True, slots=True)
class JsonRow:
    """A row with its JSON, which PostgreSQL made."""

    id: UUID
    version: int
    body: str


def absent_or(**options: Any) -> Any:
    """A field of an answer that is left out where it is None."""
    # The OpenAPI document shows no default that a function makes.
    return Field(default_factory=lambda: None, exclude_if=lambda value: value is None, **options)


Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", examples=["#3367d6"])]
_UUID7 = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"
# An id that a client chooses. Pydantic's format of it, `uuid7`, is unknown to tools.
NewId = Annotated[UUID7, WithJsonSchema({"type": "string", "format": "uuid", "pattern": _UUID7})]

Item = TypeVar("Item", bound=Schema)


class Page(Schema, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(
        description="Where the next page begins, or `null` at the end of the list."
    )
    total: int | SkipJsonSchema[None] = absent_or(
        description="How many items match, on all pages; only with `include_total=true`."
    )


@dataclass(frozen=True, slots=True)
class JsonPage:
    """A page whose items are JSON already.

    Until `valid_until` only a write changes it; None: however late it is.
    """

    items: list[str]
    next_cursor: str | None
    total: int | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Representation:
    """A row or a page as it is answered and cached: its JSON, and the values of two headers.

    `valid_until` as in `JsonPage`.
    """

    etag: bytes
    body: bytes
    link: bytes = b""
    valid_until: datetime | None = None


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and `Z`."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


Instant = Annotated[
    datetime, PlainSerializer(format_instant, return_type=str, when_used="json"), INSTANT_SCHEMA
]

_UUID_OR_NONE = "^(none|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"
_is_id_or_none = re.compile(_UUID_OR_NONE).fullmatch


def _id_or_none(value: object) -> UUID | Literal["none"]:
    if not isinstance(value, str) or not _is_id_or_none(value):
        raise PydanticCustomError("invalid_id", "must be a UUID or `none`")
    return "none" if value == "none" else UUID(value)


# A filter by a reference that may be null.
IdOrNone = Annotated[
    UUID | Literal["none"],
    PlainValidator(_id_or_none),
    # Pydantic's own writes the UUID twice, with a warning.
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _UUID_OR_NONE, "examples": ["none"]}),
]
