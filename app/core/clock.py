"""Time and ids. Both come through here, so that a test can say what they are."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """This instant in UTC, to the millisecond: what a client sees orders as the database does."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7): ordered by the time at which it was made."""
    return uuid_utils.compat.uuid7()


_last_tick = 0
_tick_lock = threading.Lock()


def next_tick() -> int:
    """Microseconds since 1970, each larger than the one before in this process."""
    global _last_tick
    with _tick_lock:
        _last_tick = max(_last_tick + 1, time.time_ns() // 1000)
        return _last_tick
