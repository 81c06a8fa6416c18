"""The phrases that quick add has to understand, and what it has to understand of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

# What `phrases.txt` says of now.
NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
TIMEZONE = "Europe/Berlin"
PROJECTS = ["Work", "Home", "Financial", "Party", "Home Improvements", "Errands", "Errands"]


@dataclass
class Phrase:
    """A text, the values of its fields, and the words that say each one."""

    source: str
    text: str
    values: dict[str, str] = field(default_factory=dict)
    words: set[tuple[str, str]] = field(default_factory=set)

    @property
    def has_date(self) -> bool:
        return "due" in self.values


def phrases() -> list[Phrase]:
    """All of them."""
    return list(_read(Path(__file__).with_name("phrases.txt").read_text("utf-8").splitlines()))


def _read(lines: list[str]) -> Iterator[Phrase]:
    source = ""
    phrase: Phrase | None = None
    for line in lines:
        if line.startswith("    ") and phrase is not None:
            name, _, rest = line.strip().partition(": ")
            value, _, words = rest.partition(" < ")
            phrase.values[name] = value
            if words:
                phrase.words.add((name, words))
            continue
        if phrase is not None:
            yield phrase
            phrase = None
        if line.startswith("## "):
            source = line.removeprefix("## ")
        elif line and not line.startswith("# ") and line != "#":
            phrase = Phrase(source, line, {"title": line})
    if phrase is not None:
        yield phrase
