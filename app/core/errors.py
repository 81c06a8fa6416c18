"""The errors that clients meet, as problem details (RFC 9457).

    AppError
    ├── MalformedJson 400
    ├── MalformedRequest 400
    ├── Unauthorized 401          NotAuthenticated, InvalidToken
    ├── Forbidden 403             InsufficientScope
    ├── NotFound 404              RouteNotFound
    ├── MethodNotAllowed 405
    ├── RequestTimeout 408
    ├── Conflict 409              IdTaken, QuotaExceeded
    ├── VersionConflict 412
    ├── ContentTooLarge 413
    ├── UnsupportedMediaType 415
    ├── ValidationFailed 422      CursorInvalid
    ├── RateLimited 429
    ├── InternalError 500
    └── Unavailable 503           DatabaseUnavailable, DatabaseBusy

A class that is raised has a `code`, which never changes; `docs/problems.md` lists all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any, ClassVar, Literal, Self

Location = Literal["body", "query", "path", "header"]
# No field has a longer name, and what was sent is not repeated.
_MAX_NAME_LENGTH = 64


def pointer(names: Iterable[str]) -> str:
    """A JSON Pointer (RFC 6901); it ends before a name that is too long to be a field's."""
    known = takewhile(lambda name: len(name) <= _MAX_NAME_LENGTH, names)
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in known)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with the input; it never contains the value.

    `pointer` is a JSON Pointer (RFC 6901) into the body, or `/name` of a parameter; `location` is
    OpenAPI's `in`.
    """

    pointer: str
    code: str
    message: str
    location: Location = "body"

    def as_json(self) -> dict[str, str]:
        """The entry in a problem's `errors`."""
        fields = asdict(self)
        fields["in"] = fields.pop("location")
        return fields


class AppError(Exception):
    """A problem (RFC 9457): class attributes are the same for all problems of a type."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = ""
    title: ClassVar[str] = ""
    media_type: ClassVar[str] = "application/problem+json"
    default_headers: ClassVar[Mapping[str, str]] = {}
    # Whether the transaction is committed although the request failed.
    keeps_transaction: ClassVar[bool] = False

    def __init__(
        self,
        detail: str | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        self.detail = detail or self.title
        self.params = dict(params or {})
        self.headers = {**self.default_headers, **(headers or {})}
        self.errors = errors
        super().__init__(self.detail)

    def as_json(self, request_id: str) -> dict[str, Any]:
        """The answer's body."""
        return {
            "type": f"urn:tickbox:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:tickbox:request:{request_id}",
            "code": self.code,
            "params": self.params,
            "errors": [field.as_json() for field in self.errors],
        }

    @classmethod
    def registry(cls) -> Iterator[type["AppError"]]:
        """All subclasses that have a code of their own."""
        for subclass in cls.__subclasses__():
            if "code" in vars(subclass):
                yield subclass
            yield from subclass.registry()


class MalformedJson(AppError):
    status = 400
    code = "malformed_json"
    title = "The body is not valid JSON"


class MalformedRequest(AppError):
    status = 400
    code = "malformed_request"
    title = "The request is malformed"


class Unauthorized(AppError):
    status = 401


class NotAuthenticated(Unauthorized):
    """RFC 6750, section 3: without credentials the challenge carries no error code."""

    code = "not_authenticated"
    title = "An access token is required"
    default_headers = {"WWW-Authenticate": "Bearer"}


class InvalidToken(Unauthorized):
    """The token is expired, revoked, malformed, or not ours (RFC 6750, section 3.1)."""

    code = "invalid_token"
    title = "The access token is not valid"
    default_headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class Forbidden(AppError):
    status = 403
    code = "forbidden"
    title = "This is not permitted"


class InsufficientScope(Forbidden):
    """RFC 6750, section 3.1."""

    code = "insufficient_scope"
    title = "The access token lacks a scope"

    def __init__(self, scopes: list[str]) -> None:
        names = " ".join(scopes)
        super().__init__(
            f"The access token lacks the scope that this needs: {names}.",
            params={"scope": names},
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{names}"'},
        )


class NotFound(AppError):
    status = 404
    code = "not_found"
    title = "There is no such thing, or you may not see it"


class RouteNotFound(NotFound):
    code = "route_not_found"
    title = "There is nothing at this address"


class MethodNotAllowed(AppError):
    status = 405
    code = "method_not_allowed"
    title = "This address does not know that method"


class RequestTimeout(AppError):
    status = 408
    code = "request_timeout"
    title = "The request did not arrive in time"
    # The rest of the request is not read.
    default_headers = {"Connection": "close"}


class Conflict(AppError):
    status = 409


class IdTaken(Conflict):
    code = "id_taken"
    title = "This id is taken"


class QuotaExceeded(Conflict):
    """What is in the trash counts."""

    code = "quota_exceeded"
    title = "There are as many as there may be"

    def __init__(self, quota: str) -> None:
        super().__init__(params={"quota": quota})


class VersionConflict(AppError):
    """`If-Match` or `If-None-Match` (RFC 9110, section 13.1) is false.

    `current` is what it was compared with: a row's version, an `ETag`, or nothing.
    """

    status = 412
    code = "version_conflict"
    title = "It has changed since you read it"

    def __init__(self, current: int | str | None = None) -> None:
        if current is None:
            super().__init__("There is no version here to compare with.")
            return
        is_version = isinstance(current, int)
        super().__init__(
            f"The current {'version' if is_version else 'ETag'} is {current}.",
            params={"version": current} if is_version else None,
            headers={"ETag": f'"{current}"' if is_version else str(current)},
        )


class ContentTooLarge(AppError):
    status = 413
    code = "content_too_large"
    title = "The body is too large"
    default_headers = {"Connection": "close"}


class UnsupportedMediaType(AppError):
    status = 415
    code = "unsupported_media_type"
    title = "The body's content type is not supported"


class ValidationFailed(AppError):
    status = 422
    code = "validation_failed"
    title = "The input is not valid"

    @classmethod
    def at(cls, pointer: str, code: str, message: str, location: Location = "body") -> Self:
        """One field of the body is wrong, or what else the client sent."""
        return cls(errors=(FieldError(pointer, code, message, location),))


class CursorInvalid(ValidationFailed):
    code = "cursor_invalid"
    title = "The cursor is not valid for this query"

    def __init__(self) -> None:
        error = FieldError(
            "/cursor",
            self.code,
            "It was changed, or belongs to another query; start again without one.",
            "query",
        )
        super().__init__(errors=(error,))


class RateLimited(AppError):
    """RFC 6585, section 4."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"Try again in {retry_after} s.",
            params={"retry_after": retry_after},
            headers={"Retry-After": str(retry_after)},
        )


class InternalError(AppError):
    code = "internal_error"
    title = "Something went wrong on our side"


class Unavailable(AppError):
    status = 503
    default_headers = {"Retry-After": "1"}


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    title = "The database cannot be reached"


class DatabaseBusy(Unavailable):
    code = "database_busy"
    title = "Too many requests wait for the database"


class LocksContended(DatabaseBusy):
    """Another transaction has what this one needs next: it is run anew, without any locks."""
