"""The response cache: pages in Redis, each with the viewer's version that it was read under.

A write gives all who see its project a new version (`outdate`) before it is answered; a page counts
only while its version is the viewer's. Versions are random, so that none comes back after Redis
lost them. The epoch is a version of everything: each new connection of any process sets another, so
that nothing counts that Redis held while somebody could not reach it to say that it is outdated.
`docs/decisions/cache.md` says what that leaves open.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

from app.core.schemas import Representation
from app.redis.address import Command
from app.redis.client import Redis
from app.security.principal import Principal

_EPOCH = b"tickbox:epoch"
_VERSION = b"tickbox:version:"
_PAGE = b"tickbox:page:"
_TOKEN_BYTES = 12
# One that is lost is made anew, and what was read under it counts no more.
_VERSION_SECONDS = 86400
# A page of 200 descriptions can have 10 MB: rather asked for again than in the way of all others.
_MAX_BYTES = 128 * 1024

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the answer to a request is kept, and under which epoch and version it is read."""

    key: bytes
    tokens: bytes


class Cache:
    """What Redis knows of reads that were answered before.

    What one `release` kept, another one does not give: its representations may have other fields.
    """

    def __init__(self, redis: Redis, seconds: int, release: str) -> None:
        self._redis = redis
        self._seconds = seconds
        self._release = release.encode()
        redis.on_connect(lambda: [("SET", _EPOCH, _token())])

    @property
    def is_on(self) -> bool:
        """Whether anything is kept at all."""
        return self._seconds > 0

    def question(self, principal: Principal, path: str, query: bytes) -> Command:
        """What to ask Redis for, so that `read` understands it."""
        viewer = _viewer(principal)
        asked = b"%b %b?%b" % (self._release, path.encode(), query)
        digest = blake2b(asked, digest_size=16, key=viewer).digest()
        return ("MGET", _EPOCH, _VERSION + principal.user_id.bytes, _PAGE + digest)

    def read(self, question: Command, reply: Any) -> Representation | Slot | None:
        """The page; or where to keep it, if there is none. None: Redis said something else."""
        if not isinstance(reply, list):
            return None
        _, epoch_key, version_key, page_key = question
        epoch, current, page = reply
        if page is not None and epoch and current and page.startswith(epoch + current):
            etag, link, body = page[2 * _TOKEN_BYTES :].split(b"\n", 2)
            return Representation(etag, body, link)
        # Said now, before anything is read: a write in between sets another one, and wins.
        if epoch is None:
            epoch = _token()
            self._redis.tell(("SET", epoch_key, epoch, "NX"))
        if current is None:
            current = _token()
            self._redis.tell(("SET", version_key, current, "NX", "EX", _VERSION_SECONDS))
        assert isinstance(page_key, bytes)
        return Slot(page_key, epoch + current)

    def keep(self, slot: Slot, answer: Representation) -> None:
        """Remember an answer that was read after the slot was given."""
        if len(answer.body) <= _MAX_BYTES:
            kept = b"%b%b\n%b\n%b" % (slot.tokens, answer.etag, answer.link, answer.body)
            self._redis.tell(("SET", slot.key, kept, "EX", self._seconds))

    async def outdate(self, viewers: Iterable[UUID]) -> None:
        """What these users read so far counts no more, in any process.

        Also where this one keeps nothing: others may.
        """
        commands: Sequence[Command] = [
            ("SET", _VERSION + viewer.bytes, _token(), "EX", _VERSION_SECONDS) for viewer in viewers
        ]
        await self._redis.insist(*commands)


def _token() -> bytes:
    return secrets.token_bytes(_TOKEN_BYTES)


@lru_cache(maxsize=10_000)
def _viewer(principal: Principal) -> bytes:
    """Who asks, and what the token permits, in 16 bytes."""
    said = f"{principal.user_id} {principal.project_id} {' '.join(sorted(principal.scopes))}"
    return blake2b(said.encode(), digest_size=16).digest()
