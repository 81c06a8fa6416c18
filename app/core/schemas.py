"""What all schemas share: inputs that forbid what they do not know, outputs, pages."""

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
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError

# Begins the tags of discriminated unions, which Pydantic puts into an error's location although
# they are no part of the input; `handlers` leaves them out of pointers.
UNION_TAG = "\x1f"

# The version is the pattern's business: Pydantic's `uuid7` is no format that tools know.
_UUID7 = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"


class _Closed(BaseModel):
    """An object without other fields; of what is answered, the document does not promise that.

    What is answered may have more fields one day, and a client that goes by the document reads it
    all the same.
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
    """A representation that leaves the service: every field is present, none has a default."""


class Input(_Closed):
    """What a client sends: a field that is not known is refused, not ignored."""


class Patch(Input):
    """A merge patch (RFC 7396): a field left out stays as it is, `null` clears.

    The defaults of its fields are never used, and not shown: `given()` has what was sent.
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


_INTEGER = re.compile(r"-?[0-9]{1,100}", re.ASCII)
_FLAGS = {"true": True, "false": False}


def _query_integer(value: object) -> object:
    """Digits; Pydantic would take `5.0`, `1_0` and ` 5` too."""
    if isinstance(value, str):
        return int(value) if _INTEGER.fullmatch(value) else None
    return value


def _query_flag(value: object) -> object:
    """`true` or `false`; Pydantic would take `yes`, `on` and `1` too."""
    return _FLAGS.get(value) if isinstance(value, str) else value


# In a body: `true` or `false`, not what could be read as one.
Flag = Annotated[bool, Strict()]
QueryInteger = Annotated[int, BeforeValidator(_query_integer)]
QueryFlag = Annotated[bool, BeforeValidator(_query_flag)]


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
        None,
        description="`next_cursor` of the page before, as it was given.",
    )

    include_total: QueryFlag = Field(
        False, description="Whether the page also says how many items there are on all pages."
    )

    def binding(self, resource: str) -> str:
        """What was asked for, but for where and how much: a cursor is bound to it."""
        return resource + self.model_dump_json(exclude={"cursor", "limit", "include_total"})


@dataclass(frozen=True, slots=True)
class JsonRow:
    """A row as it is now, with the JSON that PostgreSQL made of it."""

    id: UUID
    version: int
    body: str


def without_default(schema: JsonDict) -> None:
    """The schema of a field that is absent instead: for `json_schema_extra`."""
    del schema["default"]


def absent_or(**options: Any) -> Any:
    """A field of an answer that is left out where it is None."""
    return Field(
        None,
        exclude_if=lambda value: value is None,
        json_schema_extra=without_default,
        **options,
    )


# An id that a client chooses for what it makes.
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

    `depends_on_time`: it may be another page later although nothing was written.
    """

    items: list[str]
    next_cursor: str | None
    total: int | None = None
    depends_on_time: bool = False


@dataclass(frozen=True, slots=True)
class Representation:
    """A row or a page as it is answered and cached.

    `body` is its JSON; `etag` and `link` are the values of these headers, `link` may be empty.
    """

    etag: bytes
    body: bytes
    link: bytes = b""


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and `Z`."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


Instant = Annotated[
    datetime,
    PlainSerializer(format_instant, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "examples": ["2026-11-22T09:00:00.123Z"],
        }
    ),
]


_UUID_OR_NONE = "^(none|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"
_is_id_or_none = re.compile(_UUID_OR_NONE).fullmatch


def _id_or_none(value: object) -> UUID | Literal["none"]:
    if not isinstance(value, str) or not _is_id_or_none(value):
        raise PydanticCustomError("invalid_id", "must be a UUID or `none`")
    return "none" if value == "none" else UUID(value)


# A filter by a reference that may be absent.
IdOrNone = Annotated[
    UUID | Literal["none"],
    PlainValidator(_id_or_none),
    # Pydantic's own would write the UUID twice, and warn of it the second time.
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _UUID_OR_NONE, "examples": ["none"]}),
]
