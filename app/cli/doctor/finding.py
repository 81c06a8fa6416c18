"""What `tickbox doctor` finds."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """What a check found; the text says what to do, and never repeats a value.

    `warning`: Tickbox works, for now or in part. `skipped`: nobody can tell before the rest works.
    """

    check: str
    state: Literal["ok", "warning", "failed", "skipped"]
    text: str
