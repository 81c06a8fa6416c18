"""Keyset cursors: where a page ended, signed, and bound to the user and the query.

A cursor holds the last row's sort key and id. Its MAC covers these, who asks and what was asked
(sort and filters), so that a cursor is of no use to another user or query; none of that needs to
be in the cursor itself. Why by key, and signed: `docs/decisions/cursors.md`.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol
from uuid import UUID

from app.core.errors import CursorInvalid
from app.core.schemas import JsonPage, ListQuery
from app.core.signing import Signer


class Row(Protocol):
    """A row of a list: `body` (JSON), `sort_key` (text) and `id`."""

    def __getitem__(self, name: str, /) -> Any: ...


# Of a page's items, which has one at least: it ends before the item with which it had more.
MAX_BYTES = 4 * 1024 * 1024
# None that was given is longer: a proxy takes 4 or 8 KB of a URL.
MAX_LENGTH = 2048
_MAC_BYTES = 16
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list: the sort key as PostgreSQL writes it, and the id that breaks ties."""

    key: str
    id: UUID


class Cursors:
    """Makes and reads the cursors of one query of one user."""

    def __init__(self, signer: Signer, user_id: UUID, query: str) -> None:
        self._signer = signer
        self._binding = user_id.bytes + len(query).to_bytes(4, "big") + query.encode()

    def encode(self, position: Position) -> str:
        """The opaque text that a client sends back for the next page."""
        payload = position.id.bytes + position.key.encode()
        mac = self._signer.sign(self._binding + payload)
        return base64.urlsafe_b64encode(mac + payload).rstrip(b"=").decode()

    def page(
        self, rows: Sequence[Row], query: ListQuery, *, depends_on_time: bool = False
    ) -> JsonPage:
        """A page of at most `limit` rows and 4 MiB; it is not the last if there is one more.

        With the total, each row has it as `total`, and an empty page is one row without a body.
        """
        total = rows[0]["total"] if query.include_total else None
        bodies = [row["body"] for row in rows[: query.limit] if row["body"] is not None]
        bodies = bodies[: _fitting(bodies)]
        cursor = None
        if bodies and len(rows) > len(bodies):
            last = rows[len(bodies) - 1]
            cursor = self.encode(Position(last["sort_key"], last["id"]))
        return JsonPage(bodies, cursor, total, depends_on_time)

    def decode(self, cursor: str | None) -> Position | None:
        """Where to go on; None is the beginning.

        Raises `CursorInvalid` for all but what `encode` made for this query.
        """
        if cursor is None:
            return None
        if len(cursor) > MAX_LENGTH:
            raise CursorInvalid
        try:
            padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
            raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise CursorInvalid from None
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == cursor
        if not canonical or not self._signer.verify(self._binding + payload, mac):
            raise CursorInvalid
        return Position(payload[_ID_BYTES:].decode(), UUID(bytes=payload[:_ID_BYTES]))


def _fitting(bodies: list[str]) -> int:
    """How many of these fit on one page: the first one always does."""
    # No character has more than four bytes.
    if 4 * sum(map(len, bodies)) <= MAX_BYTES:
        return len(bodies)
    sizes = accumulate(len(body.encode()) for body in bodies)
    return max(1, sum(size <= MAX_BYTES for size in sizes))
