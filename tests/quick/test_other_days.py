"""Words that speak of a day which the grammar does not read: a time beside them is not of today."""

import pytest

from tests.quick.reading import read


@pytest.mark.parametrize(
    "text",
    [
        "Lunch 5/6 at noon",
        "Review 12/11/2026 at 3pm",
        "Call on 3.4.2027 at 10:00",
        "Flight 2026-12-25T09:00 at 9am",
        "Dentist on 30 feb at 3pm",
        "Pay on the 31st of june at 9am",
        "Meet in march at 3pm",
        "Board meeting the first monday of june at 10:00",
        "Submit end of january at 17:00",
        "Party on the weekend at 9pm",
        "Call mom at 5pm yesterday",
        "Meeting at 5pm last friday",
        "Call 3 days ago at 5pm",
        "Report at 9am a week from tomorrow",
        "Party on friday the 13th",
        "Talk on friday the 13th of november at 6pm",
        "Call on monday week",
        "Call tomorrow week",
        "Call at 5 pm tomorrow UTC",
        "Meeting friday at 5pm (PST)",
        "Call friday 17:00 +02:00",
        "Pay 9999-12-31 at 11pm",
        "Pay 0001-01-01 at 1am",
    ],
)
def test_it_is_all_title(text: str) -> None:
    found = read(text)
    assert (found.title, found.due, found.rrule) == (text, None, None)


def test_a_day_of_a_month_is_of_each_year() -> None:
    found = read("Water every 5th of december")
    assert (found.title, found.rrule) == ("Water", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=5")
