"""`Idempotency-Key`: a write that is sent twice is done once, and answered alike both times.

The key, a hash of the request and the answer are one row, written in the write's own transaction.
Its first statement claims the key under an advisory lock that is only tried: a twin does not wait
with a connection of its own, but is told that the first request is in progress.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import asyncpg
from fastapi import Request, Response

from app.core.clock import Now
from app.core.errors import Conflict, MalformedRequest, NotFound, ValidationFailed
from app.core.signing import Signer
from app.database.idempotency_keys import CLAIM, KEEP, RETENTION
from app.database.statement import Statement
from app.database.unit_of_work import UnitOfWork
from app.security.principal import Principal

# One request under a key, as parameters of the statements.
Claim = Mapping[str, Any]

_NAME = "/Idempotency-Key"
_KEY = re.compile("[ -~]{1,255}")
# The headers that are part of an answer; the others are of its request, or the same on all answers.
_HEADERS = ("content-type", "etag", "location", "cache-control", "vary")


class IdempotencyKeyReused(ValidationFailed):
    """The client mixed two requests up, or its keys are not random enough."""

    code = "idempotency_key_reused"
    title = "Another request was sent under this Idempotency-Key"


class IdempotencyInProgress(Conflict):
    """Sent again before it was answered: how it ends is not known yet."""

    code = "idempotency_in_progress"
    title = "The first request under this Idempotency-Key still runs"
    default_headers = {"Retry-After": "1"}


class Replay(Exception):
    """The request was answered before. Not an `AppError`: the transaction is committed."""

    def __init__(self, answer: asyncpg.Record) -> None:
        super().__init__()
        named = zip(_HEADERS, answer["headers"], strict=True)
        headers = {name: value for name, value in named if value}
        headers["Idempotency-Replayed"] = "true"
        self.response = Response(answer["body"], answer["status"], headers)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Does what is sent under a key once.

    `look` finds what is kept under a key, and `seen_by` gives its parameters of a principal.
    """

    look: Statement
    seen_by: Callable[[Principal], Mapping[str, Any]]
    signer: Signer
    now: Now

    def claim(self, request: Request, principal: Principal, body: bytes) -> Claim | None:
        """What is claimed for a request with a key. Raises `MalformedRequest`, `ValidationFailed`.

        None is for one without.
        """
        sent = request.headers.getlist("idempotency-key")
        if not sent:
            return None
        if len(sent) > 1:
            raise MalformedRequest("The Idempotency-Key header was sent more than once.")
        key = sent[0].strip()
        if not _KEY.fullmatch(key):
            raise ValidationFailed.at(
                _NAME, "invalid_key", "must be 1 to 255 printable ASCII characters", "header"
            )
        return {
            **self.seen_by(principal),
            "user_id": principal.user_id,
            "key": key,
            # Signed, since a short secret in a body could be guessed from a plain hash.
            "fingerprint": self.signer.sign(_identity(request, body)),
        }

    async def begin(self, claim: Claim, unit: UnitOfWork) -> None:
        """Claim the key, as the first statement of a transaction.

        Raises `Replay`, `IdempotencyKeyReused`, `IdempotencyInProgress`, or `NotFound` instead of a
        replay of what the caller may no longer change.
        """
        now = self.now()
        times = {"created_at": now, "expired_at": now - RETENTION}
        if await unit.fetch_all(CLAIM, **claim, **times):
            return
        kept = await unit.fetch_all(self.look, **claim)
        if not kept or kept[0]["status"] is None:
            raise IdempotencyInProgress
        first = kept[0]
        if first["fingerprint"] != claim["fingerprint"]:
            raise IdempotencyKeyReused.at(_NAME, "reused", "is that of another request", "header")
        if not first["is_permitted"]:
            raise NotFound
        raise Replay(first)


async def keep(claim: Claim, unit: UnitOfWork, response: Response) -> None:
    """Store the answer in the transaction that it tells of, if that was a success."""
    if response.status_code < 300:
        await unit.fetch_all(
            KEEP,
            **claim,
            status=response.status_code,
            headers=[response.headers.get(name, "") for name in _HEADERS],
            body=bytes(response.body),
            project_ids=sorted(unit.projects),
            seen_project_ids=sorted(unit.seen_projects),
        )


def _identity(request: Request, body: bytes) -> bytes:
    """What two requests have in common if they are the same.

    It stays as it is: a request may be sent again after an upgrade.
    """
    scope, headers = request.scope, request.headers
    parts: list[bytes] = [
        scope["method"].encode(),
        scope["path"].encode(),
        scope["query_string"],
        ",".join(headers.getlist("if-match")).encode("latin-1"),
        headers.get("content-type", "").encode("latin-1"),
        body,
    ]
    if none_match := headers.getlist("if-none-match"):
        parts.append(",".join(none_match).encode("latin-1"))
    digest = blake2b(digest_size=32)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
