"""`Idempotency-Key`: a write that is sent twice is done once, and answered twice alike.

The key, a hash of the request and the answer are a row in the write's own transaction, so there
is never the one without the other. The key is claimed by the transaction's first statement. A lock
that is only tried keeps twins from waiting for each other with a connection each: whoever does not
get it is told that the first is in progress.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

from fastapi import Request, Response
from sqlalchemy import Uuid, cast, null, select
from sqlalchemy.sql import ColumnElement

from app.core.clock import Now
from app.core.errors import Conflict, FieldError, MalformedRequest, NotFound, ValidationFailed
from app.core.signing import Signer
from app.database.idempotency_keys import CLAIM, KEEP, RETENTION, keys, mine
from app.database.statement import AFFECTED_USERS, Statement
from app.database.unit_of_work import UnitOfWork
from app.security.principal import Principal

_MAX_LENGTH = 255
# What an answer has besides its body; the rest is the same for all answers, or is of its request.
_HEADERS = ("content-type", "etag", "location", "cache-control", "vary")


class IdempotencyKeyReused(ValidationFailed):
    """The client mixed two requests up, or its keys are not random enough."""

    code = "idempotency_key_reused"
    title = "Another request was sent under this Idempotency-Key"


class IdempotencyInProgress(Conflict):
    """Sent again before it was answered: how it ends is not known yet."""

    code = "idempotency_in_progress"
    title = "The first request under this Idempotency-Key still runs"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class Replay(Exception):
    """The request was answered before. No `AppError`: it ends well."""

    def __init__(self, status: int, headers: list[str], body: bytes) -> None:
        super().__init__(status)
        self._status = status
        self._headers = dict(zip(_HEADERS, headers, strict=True))
        self._body = body

    def response(self) -> Response:
        """The first answer, once more."""
        headers = {name: value for name, value in self._headers.items() if value}
        headers["Idempotency-Replayed"] = "true"
        return Response(self._body, self._status, headers)


class Claim:
    """One request under a key."""

    def __init__(self, look: Statement, params: Mapping[str, Any], now: Now) -> None:
        self._look = look
        self._params = params
        self._now = now
        self._unit: UnitOfWork | None = None

    async def begin(self, unit: UnitOfWork) -> None:
        """Be the first, or raise `Replay`, `IdempotencyKeyReused` or `IdempotencyInProgress`.

        Raises `NotFound` instead of showing again what the caller may no longer change.
        """
        now = self._now()
        times = {"created_at": now, "expired_at": now - RETENTION}
        if await unit.fetch_one(CLAIM, **self._params, **times) is not None:
            self._unit = unit
            return
        first = await unit.fetch_one(self._look, **self._params)
        if first is None or first["status"] is None:
            raise IdempotencyInProgress
        if first["fingerprint"] != self._params["fingerprint"]:
            raise IdempotencyKeyReused(
                errors=(
                    FieldError(
                        "/Idempotency-Key", "reused", "is that of another request", "header"
                    ),
                )
            )
        if not first["may_edit"]:
            raise NotFound
        raise Replay(first["status"], first["headers"], first["body"])

    async def keep(self, response: Response) -> None:
        """Write down the answer, in the transaction that it tells of."""
        if self._unit is not None and response.status_code < 300:
            await self._unit.fetch_one(
                KEEP,
                user_id=self._params["user_id"],
                key=self._params["key"],
                status=response.status_code,
                headers=[response.headers.get(name, "") for name in _HEADERS],
                body=bytes(response.body),
                project_ids=sorted(self._unit.projects),
            )


class Idempotency:
    """The keys of all users.

    Of an array of project ids `may_edit` is the condition that a principal may change what is in
    all of them, and `affected_users` those who see it; `seen_by` gives the parameters of these.
    """

    def __init__(
        self,
        may_edit: Callable[[ColumnElement[Any]], ColumnElement[bool]],
        affected_users: Callable[[ColumnElement[Any]], ColumnElement[Any]],
        seen_by: Callable[[Principal], Mapping[str, Any]],
        signer: Signer,
        now: Now,
    ) -> None:
        self._seen_by = seen_by
        self._signer = signer
        self._now = now
        self._look = Statement(
            select(
                keys.c.fingerprint,
                keys.c.status,
                keys.c.headers,
                keys.c.body,
                may_edit(keys.c.project_ids).label("may_edit"),
                # So that who is told again reads nothing older either.
                cast(null(), Uuid).label("project_id"),
                affected_users(keys.c.project_ids).label(AFFECTED_USERS),
            ).where(*mine)
        )

    async def claim(self, request: Request, principal: Principal, body: bytes) -> Claim | None:
        """The request's claim, if it brings a key. Raises `MalformedRequest`."""
        sent = request.headers.getlist("idempotency-key")
        if not sent:
            return None
        if len(sent) > 1:
            raise MalformedRequest("The Idempotency-Key header was sent more than once.")
        key = sent[0].strip()
        if not 1 <= len(key) <= _MAX_LENGTH or not (key.isascii() and key.isprintable()):
            raise ValidationFailed(
                errors=(
                    FieldError(
                        "/Idempotency-Key",
                        "invalid_key",
                        f"must be 1 to {_MAX_LENGTH} printable ASCII characters",
                        "header",
                    ),
                )
            )
        params = {
            **self._seen_by(principal),
            "user_id": principal.user_id,
            "key": key,
            "fingerprint": self._signer.sign(_identity(request, body)),
        }
        return Claim(self._look, params, self._now)


def _identity(request: Request, body: bytes) -> bytes:
    """What makes a request the same: its method, address, preconditions and body.

    It is signed before it is stored: from a plain hash a short secret in a body could be guessed.
    """
    scope = request.scope
    digest = blake2b(digest_size=32)
    parts: tuple[bytes, ...] = (
        scope["method"].encode(),
        scope["path"].encode(),
        scope["query_string"],
        ",".join(request.headers.getlist("if-match")).encode("latin-1"),
        request.headers.get("content-type", "").encode("latin-1"),
        body,
    )
    none_match = request.headers.getlist("if-none-match")
    if none_match:
        parts = (*parts, ",".join(none_match).encode("latin-1"))
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
