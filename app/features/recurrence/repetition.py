"""Where a todo is in its series: what sets it, what completing makes of it, what follows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Self

from app.core.errors import ValidationFailed
from app.core.timezones import zone
from app.database.repository import Row
from app.features.due.schemas import DueDate, DueDateTime, due_columns, due_of
from app.features.recurrence.errors import (
    RecurrenceNeedsDue,
    RruleEnds,
    RruleInvalid,
    RruleTooFine,
)
from app.features.recurrence.rule import Rule, RuleInvalid, parse
from app.features.recurrence.schemas import Recurrence
from app.features.recurrence.series import Series

# The columns of a todo that `Repetition.of` reads.
COLUMNS = (
    "due_local",
    "due_timezone",
    "due_all_day",
    "recurrence_rrule",
    "recurrence_from",
    "series_start",
    "series_number",
)
_FIRST_YEAR = 2


@dataclass(frozen=True, slots=True)
class Repetition:
    """A todo's due, its recurrence, and its place in the series that this describes.

    `start` is the wall clock that the series is counted from, and `number` says which occurrence
    of a `COUNT` the due is. Without a recurrence there is neither.
    """

    due: DueDate | DueDateTime | None = None
    recurrence: Recurrence | None = None
    start: datetime | None = None
    number: int | None = None

    @classmethod
    def of(cls, row: Row) -> Self:
        """That of a row of todos. An older version may have cleared the due alone."""
        due = due_of(row)
        if due is None or row["recurrence_rrule"] is None:
            return cls(due)
        recurrence = Recurrence.model_construct(
            rrule=row["recurrence_rrule"], repeat_from=row["recurrence_from"]
        )
        return cls(due, recurrence, row["series_start"], row["series_number"])

    def with_fields(self, fields: Mapping[str, Any]) -> Self:
        """What it is once these fields of a todo are set: `due` and `recurrence` count.

        Another recurrence begins its series at the due; another due is of this occurrence alone.
        Raises `RecurrenceNeedsDue`, `RruleInvalid`, `RruleTooFine`, `RruleEnds`.
        """
        if fields.keys().isdisjoint(("due", "recurrence")):
            return self
        due = fields.get("due", self.due)
        recurrence = fields.get("recurrence", self.recurrence)
        if recurrence is None:
            return type(self)(due)
        if due is None:
            raise RecurrenceNeedsDue
        rule = _rule_for(recurrence, due)
        start, number = self.start, self.number
        if "recurrence" in fields or start is None:
            start, number = due.clock, 1
            follows = next(Series(rule, start, due.zone).after(start), None)
            if rule.count == 1 or follows is None:
                raise RruleEnds
        elif isinstance(due, DueDate) != isinstance(self.due, DueDate):
            # What was on days gets a time, or the other way round.
            start = datetime.combine(start, due.clock.time())
        return type(self)(due, recurrence, start, number)

    def next(self, now: datetime, callers_zone: str) -> Self | None:
        """The same at its next occurrence, when the current one is completed; None after the last.

        A series that begins anew does so on the day that it is in the due's zone, or the caller's.
        """
        assert self.due is not None
        begin = self.start
        if self._begins_anew:
            today = now.astimezone(UTC).astimezone(zone(self.due.zone or callers_zone))
            begin = datetime.combine(today.date(), self.due.clock.time())
        following = next(self._following(begin), None)
        if following is None:
            return None
        assert self.number is not None
        return replace(self, due=self.due.at(following), start=begin, number=self.number + 1)

    def occurrences(self) -> Iterator[DueDate | DueDateTime]:
        """The current one and those that follow, each if the one before is completed on its day."""
        if self.due is None or self.recurrence is None:
            return
        yield self.due
        begin = self.due.clock if self._begins_anew else self.start
        yield from map(self.due.at, self._following(begin))

    def restored(self, row: Row) -> Self:
        """What it was before a completion, from its row.

        If the rule is another one by now, its series stays, and the due comes before it.
        """
        due = due_of(row)
        if self.recurrence is None:
            return type(self)(due)
        if self.recurrence.rrule == row["recurrence_rrule"]:
            return replace(self, due=due, start=row["series_start"], number=row["series_number"])
        assert self.number is not None
        return replace(self, due=due, number=max(self.number - 1, 0))

    def columns(self) -> dict[str, Any]:
        """The columns of a todo that hold it."""
        recurrence = self.recurrence
        return {
            **due_columns(self.due),
            "recurrence_rrule": None if recurrence is None else recurrence.rrule,
            "recurrence_from": None if recurrence is None else recurrence.repeat_from,
            "series_start": None if self.start is None else self.start.isoformat(),
            "series_number": self.number,
        }

    @property
    def _begins_anew(self) -> bool:
        return self.recurrence is not None and self.recurrence.repeat_from == "completion"

    def _following(self, begin: datetime | None) -> Iterator[datetime]:
        """The occurrences after the current one, of a series that begins then."""
        assert self.due is not None
        assert self.recurrence is not None
        assert begin is not None
        assert self.number is not None
        rule, here = parse(self.recurrence.rrule), self.due.clock
        if isinstance(self.due, DueDate):
            if rule.needs_time:
                return
            begin = datetime.combine(begin, here.time())
        after = begin if self._begins_anew else here
        # The current one may come again where it is completed before its day: it is over.
        found = (one for one in Series(rule, begin, self.due.zone).after(after) if one != here)
        left = None if rule.count is None else max(rule.count - self.number, 0)
        yield from islice(found, left)


def _rule_for(recurrence: Recurrence, due: DueDate | DueDateTime) -> Rule:
    """The rule, if it fits the due. Raises `RruleInvalid`, `RruleTooFine`, `ValidationFailed`."""
    try:
        rule = parse(recurrence.rrule)
    except RuleInvalid as error:
        raise RruleInvalid(str(error)) from None
    if isinstance(due, DueDate) and rule.needs_time:
        raise RruleTooFine
    if isinstance(rule.until, datetime):
        if isinstance(due, DueDate):
            raise RruleInvalid("UNTIL must be a date, as the due is")
        if (rule.until.tzinfo is None) != (due.zone is None):
            raise RruleInvalid("UNTIL must be a date, or in UTC if the due has a zone, else local")
    if due.clock.year < _FIRST_YEAR:
        message = "must be in the year 2 or later where the todo repeats"
        raise ValidationFailed.at("/due", "out_of_range", message)
    return rule
