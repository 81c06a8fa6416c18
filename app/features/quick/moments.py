"""A day, a time and a part of the day, as they stand beside each other in any order."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import time

from app.features.quick.days import Day
from app.features.quick.times import Form, Time, part_of_day, read_time
from app.features.quick.vocabulary import PartOfDay
from app.features.quick.words import Cursor


@dataclass(frozen=True, slots=True)
class Moment:
    """What was said of one. It `needs_end` if its last word counts only at the end of a clause."""

    day: Day | None = None
    written: Time | None = None
    part: PartOfDay | None = None
    needs_end: bool = False

    @property
    def clock(self) -> time | None:
        """The time that it means, if one was said and has one meaning."""
        if self.written is None:
            return None if self.part is None else self.part.begins
        if self.part is not None:
            return self.written.within(self.part.hours)
        return self.written.within(None if self.day is None else self.day.hours)


def read_moment(
    words: Cursor, read_day: Callable[[Cursor], Day | None] | None = None
) -> Moment | None:
    """As much as has one meaning; without a day for a rule, which may have a part alone."""
    said, stages = Moment(), list[tuple[int, Moment]]()
    while (more := _more(words, said, read_day)) is not None:
        said = more
        stages.append((words.place, said))
    for place, moment in reversed(stages):
        words.place = place
        says_time = moment.written is not None or moment.part is not None
        # At 12 Main Street.
        is_whole = not moment.needs_end or words.ends_clause()
        if is_whole and (moment.clock is not None or not says_time):
            return moment
    return None


def _more(
    words: Cursor, said: Moment, read_day: Callable[[Cursor], Day | None] | None
) -> Moment | None:
    """The moment with what the next word adds to it."""
    if said.day is None and read_day is not None:
        day = words.first(read_day)
        if day is not None:
            return replace(said, day=day, needs_end=False)
    if said.written is None:
        found = words.first(read_time)
        if found is not None:
            return replace(said, written=found, needs_end=found.form is Form.HOUR)
    if said.part is None and (said != Moment() or read_day is None):
        part = words.first(part_of_day)
        if part is not None:
            return replace(said, part=part, needs_end=True)
    return None
