"""The response cache: answers in Redis, each stored with the viewer's version it was read under.

Before a write is answered it gives everybody who sees its project a new version (`invalidate`). A
stored answer is used only while its version is still the viewer's, and until the time at which it
changes by itself, if there is one. Versions are random, so that none comes back after Redis lost
it. The epoch is a version of everything. Each new connection of any process sets another epoch:
what Redis held while a process could not reach it is not used.
`docs/decisions/cache.md` says what that leaves open.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

from app.core.clock import Now
from app.core.schemas import Representation
from app.redis.client import Redis
from app.redis.connection import Command
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
class CacheEntryKey:
    """The key under which an answer is stored, and the epoch and version that it is read under."""

    key: bytes
    tokens: bytes


class Cache:
    """Answers to reads, stored in Redis.

    What one `release` stored, another one does not use: its representations may have other fields.
    """

    def __init__(self, redis: Redis, seconds: int, release: str, now: Now) -> None:
        self._redis = redis
        self._seconds = seconds
        self._release = release.encode()
        self._now = now
        redis.greeting = lambda: [("SET", _EPOCH, _token())]

    @property
    def is_on(self) -> bool:
        """Whether answers are stored at all."""
        return self._seconds > 0

    def get_command(self, principal: Principal, path: str, query: bytes) -> Command:
        """The command that looks an answer up in Redis; `read` understands the reply."""
        viewer = _viewer(principal)
        asked = b"%b %b?%b" % (self._release, path.encode(), query)
        digest = blake2b(asked, digest_size=16, key=viewer).digest()
        return ("MGET", _EPOCH, _VERSION + principal.user_id.bytes, _PAGE + digest)

    def read(self, command: Command, reply: Any) -> Representation | CacheEntryKey:
        """The stored answer, or the key to store it under."""
        _, epoch_key, version_key, page_key = command
        epoch, current, page = reply
        if page is not None and epoch and current and page.startswith(epoch + current):
            until, etag, link, body = page[2 * _TOKEN_BYTES :].split(b"\n", 3)
            valid_until = datetime.fromisoformat(until.decode()) if until else None
            found = Representation(etag, body, link, valid_until)
            if self.is_valid(found):
                return found
        # Said now, before anything is read: a write in between sets another one, and wins.
        if epoch is None:
            epoch = _token()
            self._redis.tell(("SET", epoch_key, epoch, "NX"))
        if current is None:
            current = _token()
            self._redis.tell(("SET", version_key, current, "NX", "EX", _VERSION_SECONDS))
        assert isinstance(page_key, bytes)
        return CacheEntryKey(page_key, epoch + current)

    def is_valid(self, answer: Representation) -> bool:
        """Whether it is still what a read would give, if nothing was written."""
        return answer.valid_until is None or self._now() < answer.valid_until

    def keep(self, entry: CacheEntryKey, answer: Representation) -> None:
        """Store an answer that was read after its key was made."""
        if len(answer.body) <= _MAX_BYTES:
            until = answer.valid_until.isoformat().encode() if answer.valid_until else b""
            said = (entry.tokens, until, answer.etag, answer.link, answer.body)
            kept = b"%b%b\n%b\n%b\n%b" % said
            self._redis.tell(("SET", entry.key, kept, "EX", self._seconds))

    async def invalidate(self, viewers: Iterable[UUID]) -> None:
        """Make every process forget what these users read so far.

        Also where this process stores nothing: others may.
        """
        commands: Sequence[Command] = [
            ("SET", _VERSION + viewer.bytes, _token(), "EX", _VERSION_SECONDS) for viewer in viewers
        ]
        await self._redis.execute_or_wait(*commands)


def _token() -> bytes:
    return secrets.token_bytes(_TOKEN_BYTES)


@lru_cache(maxsize=10_000)
def _viewer(principal: Principal) -> bytes:
    """Who asks, and what the token permits, in 16 bytes."""
    said = f"{principal.user_id} {principal.project_id} {' '.join(sorted(principal.scopes))}"
    return blake2b(said.encode(), digest_size=16).digest()
