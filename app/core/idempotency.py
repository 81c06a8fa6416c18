"""`Idempotency-Key`: a write that is sent twice is done once, and answered twice.

The key, a hash of the request and the answer are a row in the write's own transaction, so there
is never the one without the other. The key is claimed by the transaction's first statement. A lock
that is only tried keeps twins from waiting for each other with a connection each: whoever does not
get it is told that the first is in progress.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import (
    Column,
    DateTime,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.sql import ColumnElement

from app.core.authentication import Principal
from app.core.clock import Now
from app.core.database import Database, Session
from app.core.errors import (
    Conflict,
    FieldError,
    MalformedRequest,
    NotFound,
    ValidationFailed,
)
from app.core.security import Signer
from app.core.statement import Statement
from app.core.tables import Base

RETENTION = timedelta(hours=24)
_MAX_LENGTH = 255
_SWEEP_ROWS = 10_000
# What an answer has besides its body; the rest is the same for all answers.
_HEADERS = ("content-type", "etag", "location")

keys = Table(
    "idempotency_keys",
    Base.metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # The answer; empty only while the transaction runs.
    Column("status", SmallInteger, nullable=True),
    Column("headers", ARRAY(Text), nullable=True),
    Column("body", LargeBinary, nullable=True),
    Column("project_ids", ARRAY(Uuid), nullable=True),
    Index("ix_idempotency_keys_created_at", "created_at"),
)


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


def _columns(*names: str) -> dict[str, ColumnElement[Any]]:
    return {name: bindparam(name, type_=keys.c[name].type) for name in names}


_mine = (
    keys.c.user_id == bindparam("user_id", type_=Uuid),
    keys.c.key == bindparam("key", type_=Text),
)
_expired_at: ColumnElement[Any] = bindparam("expired_at", type_=DateTime(timezone=True))
_lock = func.pg_try_advisory_xact_lock(
    func.hashtextextended(
        func.concat(bindparam("user_id", type_=Uuid), bindparam("key", type_=Text)),
        literal_column("1"),
    )
)
_claimed = insert(keys).from_select(
    ["user_id", "key", "fingerprint", "created_at"],
    select(*_columns("user_id", "key", "fingerprint", "created_at").values()).where(_lock),
    include_defaults=False,
)
_CLAIM = Statement(
    _claimed.on_conflict_do_update(
        index_elements=["user_id", "key"],
        set_={
            "fingerprint": _claimed.excluded.fingerprint,
            "created_at": _claimed.excluded.created_at,
        },
        where=or_(keys.c.created_at < _expired_at, keys.c.status.is_(None)),
    ).returning(keys.c.user_id)
)
_KEEP = Statement(
    update(keys)
    .where(*_mine)
    .values(**_columns("status", "headers", "body", "project_ids"))
    .returning(keys.c.user_id)
)
_oldest = select(keys.c.user_id, keys.c.key).where(keys.c.created_at < _expired_at)
_SWEEP = Statement(
    delete(keys)
    .where(
        func.row(keys.c.user_id, keys.c.key).in_(_oldest.limit(literal_column(str(_SWEEP_ROWS))))
    )
    .returning(cast(keys.c.user_id, Text))
)


class Claim:
    """One request under a key."""

    def __init__(self, look: Statement, params: Mapping[str, Any], now: Now) -> None:
        self._look = look
        self._params = params
        self._now = now
        self._session: Session | None = None

    async def begin(self, session: Session) -> None:
        """Be the first, or raise `Replay`, `IdempotencyKeyReused` or `IdempotencyInProgress`.

        Raises `NotFound` instead of showing again what the caller may no longer see.
        """
        now = self._now()
        times = {"created_at": now, "expired_at": now - RETENTION}
        if await session.fetch_one(_CLAIM, **self._params, **times) is not None:
            self._session = session
            return
        first = await session.fetch_one(self._look, **self._params)
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
        if not first["may_see"]:
            raise NotFound
        raise Replay(first["status"], first["headers"], first["body"])

    async def keep(self, response: Response) -> None:
        """Write down the answer, in the transaction that it tells of."""
        if self._session is not None and response.status_code < 300:
            await self._session.fetch_one(
                _KEEP,
                user_id=self._params["user_id"],
                key=self._params["key"],
                status=response.status_code,
                headers=[response.headers.get(name, "") for name in _HEADERS],
                body=bytes(response.body),
                project_ids=sorted(self._session.projects),
            )


class Idempotency:
    """The keys of all users.

    `may_see` is the condition on an array of project ids that a principal may see all of these,
    and `seen_by` gives the parameters that it takes. `signer` keeps what is stored of a request
    from telling whoever reads the table which password was in its body: a plain hash is guessed at
    a million times faster than the password's own.
    """

    def __init__(
        self,
        may_see: Callable[[ColumnElement[Any]], ColumnElement[bool]],
        seen_by: Callable[[Principal], Mapping[str, Any]],
        now: Now,
        signer: Signer,
    ) -> None:
        self._seen_by = seen_by
        self._now = now
        self._signer = signer
        self._look = Statement(
            select(
                keys.c.fingerprint,
                keys.c.status,
                keys.c.headers,
                keys.c.body,
                may_see(keys.c.project_ids).label("may_see"),
            ).where(*_mine)
        )

    async def claim(self, request: Request, principal: Principal) -> Claim | None:
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
            "fingerprint": self._signer.sign(_fingerprint(request, await request.body())),
        }
        return Claim(self._look, params, self._now)


def _fingerprint(request: Request, body: bytes) -> bytes:
    """What makes a request the same: its method, address, precondition and body."""
    scope = request.scope
    digest = blake2b(digest_size=32)
    parts: Iterable[bytes] = (
        scope["method"].encode(),
        scope["path"].encode(),
        scope["query_string"],
        ",".join(request.headers.getlist("if-match")).encode("latin-1"),
        request.headers.get("content-type", "").encode("latin-1"),
        body,
    )
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


async def sweep(database: Database, now: Now) -> int:
    """Delete the keys that are older than the retention, some at a time; how many there were."""
    swept = 0
    while True:
        gone: list[UUID] = [
            row[0] for row in await database.primary.fetch_all(_SWEEP, expired_at=now() - RETENTION)
        ]
        swept += len(gone)
        if len(gone) < _SWEEP_ROWS:
            return swept
