"""What a text says besides the title of a todo, and where it says it.

A grammar of whole words, and of none with two readings: what it does not understand stays in the
title. It looks at each word a bounded number of times. Why it is not a library that does this:
`docs/decisions/quick-add.md`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import get_args
from uuid import UUID

from app.core.text_rules import is_visible, text_key
from app.features.labels.schemas import MAX_LABELS, MAX_NAME_LENGTH
from app.features.quick.expressions import find
from app.features.quick.words import Word, split
from app.features.todos.schemas import Priority

_PRIORITIES = frozenset(get_args(Priority.__value__)) - {"none"}
_MENTIONED = frozenset({"project_id", "labels", "priority"})
_ALL = _MENTIONED | {"due", "recurrence"}
_ENDS = ".,;:!?"
_AFTER_EXPRESSION = re.compile(r"[.,;:!?]*(?:\s+[-\u2013\u2014](?=\s))?")
_OPEN, _CLOSED = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Part:
    """The characters of the text that say a field, from `start` up to `end`."""

    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Understood:
    """What a text says. `due` is a day, or a time on the wall clock."""

    title: str
    due: date | None
    rrule: str | None
    after_completion: bool
    priority: str
    labels: list[str]
    project_id: UUID | None
    parts: list[Part]


def projects_named(text: str) -> set[str]:
    """The folded names of the projects that a text may mean."""
    return {text_key(name) for word in split(text) if word.sigil == "#" for name in word.names}


def understand(text: str, now: datetime, timezone: str, projects: Mapping[str, UUID]) -> Understood:
    """What a text says now, which is in this time zone, to whom has these projects.

    They are by folded name. Words that would leave no title are title.
    """
    reading = _Reading(text, now, timezone, projects)
    for fields in (_ALL, _MENTIONED):
        understood = reading.of(fields)
        if is_visible(understood.title):
            return understood
    return reading.of(frozenset())


class _Reading:
    def __init__(
        self, text: str, now: datetime, timezone: str, projects: Mapping[str, UUID]
    ) -> None:
        self._text = text
        words = split(text)
        self._due: date | None = None
        self._rrule: str | None = None
        self._after_completion = False
        self._parts: list[Part] = []
        self._cuts: dict[Part, tuple[int, int]] = {}
        expressions = find(words, now)
        due = expressions.due(now, timezone)
        taken: set[int] = set()
        if due is not None:
            self._due, self._rrule = due
            self._after_completion = any(one.after_completion for one in expressions.repeats)
            for name, start, end in expressions.words:
                self._add(name, words[start], words[end - 1])
                taken.update(range(start, end))
        mentions = [word for n, word in enumerate(words) if word.sigil and n not in taken]
        self._priority = self._read_priority(mentions)
        self._project_id = self._read_project(mentions, projects)
        self._labels = list(self._read_labels(mentions))
        self._parts.sort(key=lambda part: part.start)

    def of(self, fields: frozenset[str]) -> Understood:
        """What is understood if it is of these fields only."""
        has_due = "due" in fields
        parts = [part for part in self._parts if part.field in fields]
        return Understood(
            self._title(parts),
            self._due if has_due else None,
            self._rrule if has_due else None,
            has_due and self._after_completion,
            self._priority if fields else "none",
            self._labels if fields else [],
            self._project_id if fields else None,
            parts,
        )

    def _read_priority(self, mentions: list[Word]) -> str:
        for word in mentions:
            name = word.names[0].lower()
            if word.sigil == "!" and name in _PRIORITIES:
                self._add("priority", word, word)
                return name
        return "none"

    def _read_project(self, mentions: list[Word], projects: Mapping[str, UUID]) -> UUID | None:
        for word in mentions:
            if word.sigil != "#":
                continue
            for name in word.names:
                project_id = projects.get(text_key(name))
                if project_id is not None:
                    self._add("project_id", word, word)
                    return project_id
        return None

    def _read_labels(self, mentions: list[Word]) -> Iterator[str]:
        keys: set[str] = set()
        for word in mentions:
            name = word.names[0] if word.sigil == "@" else ""
            key = text_key(name)
            if not is_visible(name) or len(name) > MAX_NAME_LENGTH:
                continue
            if key not in keys and len(keys) >= MAX_LABELS:
                continue
            self._add("labels", word, word)
            if key not in keys:
                yield name
            keys.add(key)

    def _add(self, name: str, first: Word, last: Word) -> None:
        part = Part(name, first.start, last.end)
        self._parts.append(part)
        start, end = part.start, part.end
        # (tomorrow) goes with its brackets, and at an end of the text with what ends the sentence.
        if first.before and last.after and last.after[0] == _CLOSED[_OPEN.index(first.before[-1])]:
            start, end = start - 1, end + 1
        rest = self._text[end:]
        if not rest.strip(_ENDS).strip() or not self._text[:start].strip():
            end += len(rest) - len(_AFTER_EXPRESSION.sub("", rest, count=1))
        self._cuts[part] = start, end

    def _title(self, parts: list[Part]) -> str:
        kept: list[str] = []
        place = 0
        for part in parts:
            start, end = self._cuts[part]
            kept.append(self._text[place:start].strip())
            place = end
        kept.append(self._text[place:].strip())
        title = ""
        for piece in filter(None, kept):
            goes_on = piece.lstrip(_ENDS)[:1] in ("", " ") and piece[0] in _ENDS
            if title.endswith(tuple(_OPEN)):
                title += piece.lstrip(" ,;:")
            elif goes_on and title.endswith(tuple(_ENDS)):
                # Re: tomorrow: plan
                title += f" {piece.lstrip(_ENDS).lstrip()}"
            elif piece[0] in _CLOSED:
                title = title.rstrip(" ,;") + piece
            else:
                title += piece if goes_on or not title else f" {piece}"
        if parts and place == len(self._text):
            title = title.rstrip(" ,;")
        return title
