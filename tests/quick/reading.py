"""What the grammar understands of a text, as `phrases.txt` writes it."""

from datetime import datetime
from uuid import uuid4

from app.core.text_rules import text_key
from app.core.timezones import zone
from app.features.quick.grammar import Understood, understand
from tests.quick.phrases import NOW, PROJECTS, TIMEZONE, Phrase, phrases

ALL = phrases()
IDS = {name: uuid4() for name in PROJECTS}
# A name that two have is ambiguous: such projects are not given.
KNOWN = {text_key(name): id_ for name, id_ in IDS.items() if PROJECTS.count(name) == 1}


def read(text: str) -> Understood:
    return understand(text, NOW.astimezone(zone(TIMEZONE)), TIMEZONE, KNOWN)


def values(text: str) -> dict[str, str]:
    """What is understood, as `phrases.txt` writes it."""
    found = read(text)
    project = next((name for name, id_ in IDS.items() if id_ == found.project_id), "")
    by_field = {
        "title": found.title,
        "due": _written(found.due),
        "recurrence": found.rrule and found.rrule + " after completion" * found.after_completion,
        "priority": found.priority.replace("none", ""),
        "labels": ", ".join(found.labels),
        "project": project,
    }
    return {name: value for name, value in by_field.items() if value}


def _written(due: object) -> str:
    return due.isoformat(" ", "minutes") if isinstance(due, datetime) else str(due or "")


def words(text: str) -> set[tuple[str, str]]:
    parts = read(text).parts
    return {(part.field.removesuffix("_id"), text[part.start : part.end]) for part in parts}


def is_exact(phrase: Phrase) -> bool:
    return values(phrase.text) == phrase.values and words(phrase.text) == phrase.words
