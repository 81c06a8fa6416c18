"""Keyset cursors: the place where a page ends, signed, and bound to the user and the query.

A cursor is the last row's sort key and id, and a MAC over these, the user and the query (sort and
filters). Why: `docs/decisions/cursors.md`.
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any
from uuid import UUID

from app.core.errors import CursorInvalid
from app.core.schemas import JsonPage, ListQuery
from app.core.signing import Signer

# Of a page's items: a page ends before the item that is beyond, but has one item at least.
MAX_BYTES = 4 * 1024 * 1024
# Cursors are shorter: proxies accept URLs of 4 or 8 KB.
MAX_LENGTH = 2048
_MAC_BYTES = 16
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list: the sort key as PostgreSQL writes it, and the id against ties."""

    key: str
    id: UUID


class Cursors:
    """The cursors of one query of one user."""

    def __init__(self, signer: Signer, user_id: UUID, query: str) -> None:
        self._signer = signer
        self._binding = user_id.bytes + len(query).to_bytes(4, "big") + query.encode()

    def encode(self, position: Position) -> str:
        """The opaque text for the next page."""
        payload = position.id.bytes + position.key.encode()
        mac = self._signer.sign(self._binding + payload)
        return base64.urlsafe_b64encode(mac + payload).rstrip(b"=").decode()

    def page(
        self, rows: Sequence[Any], query: ListQuery, *, valid_until: datetime | None = None
    ) -> JsonPage:
        """A page of at most `limit` rows and 4 MiB; it is not the last if there are more rows.

        Rows have a `body` (JSON), `sort_key` (text) and `id`. With the total, each has it as
        `total`, and an empty page is one row without a body.
        """
        total = rows[0]["total"] if query.include_total else None
        bodies = [row["body"] for row in rows[: query.limit] if row["body"] is not None]
        sizes = accumulate(len(body.encode()) for body in bodies)
        bodies = bodies[: max(1, sum(size <= MAX_BYTES for size in sizes))]
        cursor = None
        if bodies and len(rows) > len(bodies):
            last = rows[len(bodies) - 1]
            cursor = self.encode(Position(last["sort_key"], last["id"]))
        return JsonPage(bodies, cursor, total, valid_until)

    def decode(self, cursor: str | None) -> Position | None:
        """Where the next page begins; None is the beginning of the list.

        Raises `CursorInvalid` for all but what `encode` made for this query.
        """
        if cursor is None:
            return None
        if len(cursor) > MAX_LENGTH:
            raise CursorInvalid
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            payload = raw[_MAC_BYTES:]
            place = Position(payload[_ID_BYTES:].decode(), UUID(bytes=payload[:_ID_BYTES]))
        except ValueError:
            raise CursorInvalid from None
        # Not one that is written in another way either.
        if not hmac.compare_digest(self.encode(place), cursor):
            raise CursorInvalid
        return place
