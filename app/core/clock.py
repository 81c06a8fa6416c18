"""Time and ids. Both come through here, so that a test can say what they are."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils
import uuid_utils.compat

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """Now in UTC, to the millisecond: what a client sees orders as the database does."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7): ordered by the time at which it was made."""
    return uuid_utils.compat.uuid7()


def new_id_text() -> str:
    """The same as text, for what needs no `UUID`: each request has one."""
    return str(uuid_utils.uuid7())
