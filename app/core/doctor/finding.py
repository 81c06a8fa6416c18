"""What a check finds: that something is as it should be, or what is wrong and what to do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, or half of one; never with a value that may be a secret."""

    state: State
    text: str


# A check may find several things; what it found before it was given up stands.
Findings = AsyncIterator[Finding]


def ok(text: str) -> Finding:
    """It is as it should be."""
    return Finding("ok", text)


def warning(text: str) -> Finding:
    """Tickbox works, for now or in part."""
    return Finding("warning", text)


def failed(text: str) -> Finding:
    """Tickbox does not work with this."""
    return Finding("failed", text)


def skipped(text: str) -> Finding:
    """Nobody can tell, since something else failed."""
    return Finding("skipped", text)
