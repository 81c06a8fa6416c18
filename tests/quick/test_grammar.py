from datetime import datetime

import pytest

from app.core.timezones import zone
from app.features.quick.grammar import projects_named, understand
from tests.quick.phrases import TIMEZONE, Phrase
from tests.quick.reading import ALL, is_exact, read, values


def test_95_percent_of_the_phrases_are_understood_exactly() -> None:
    wrong = [phrase.text for phrase in ALL if not is_exact(phrase)]
    assert len(wrong) <= len(ALL) * 5 // 100, wrong


@pytest.mark.parametrize("phrase", ALL, ids=lambda phrase: phrase.text)
def test_what_is_not_understood_exactly_stays_in_the_title(phrase: Phrase) -> None:
    if not is_exact(phrase):
        assert phrase.has_date
        assert values(phrase.text) == {"title": phrase.text}


@pytest.mark.parametrize(
    "text",
    [
        "Buy 2 May flowers tickets",
        "March for science",
        "call 911",
        "read chapter 12",
        "Second interview",
        "Watch The Day After Tomorrow",
        "Around the World in 80 Days",
        "Watch Tomorrow Never Dies",
        "Cancel USA Today subscription",
        "Shop Black Friday",
        "Friday demo",
        "Prepare next friday demo",
        "Read John 3:16",
        "16:9 monitor",
        "Rated 5/5",
        "Book 24/7 support",
        "The 9/11 Report due 10/12",
        "Dinner at 8",
        "Meet at 3",
        "Catch the 17:30 train",
        "Call with John 3pm EST",
        "Enjoy the sun",
        "buy a chair where the cat sat",
        "from monday to friday",
        "Trip monday - friday",
        "9am - 5pm shift",
        "call friday or saturday",
        "call jan 5, not jan 7",
        "Make every day count",
        "backup every second friday",
        "every day except friday: work",
        "run every day until today",
        "stretch every 30 minutes",
        "check every 1001 days",
        "run every day for 1 times",
        "meet thursday, february 20th",
        "Pay 2026-02-30",
        "call tom 4pm",
    ],
)
def test_what_has_no_date_or_two_readings_is_all_title(text: str) -> None:
    assert values(text) == {"title": text}


@pytest.mark.parametrize(
    ("text", "due", "title"),
    [
        # Today is no wednesday that is meant.
        ("call wednesday", "2026-03-18", "call"),
        ("call this wednesday", "2026-03-11", "call"),
        ("call thursday, march 12th", "2026-03-12", "call"),
        ("call day after tomorrow at noon", "2026-03-13 12:00", "call"),
        ("call tonight at 8", "2026-03-11 20:00", "call"),
        ("call tomorrow at 3", "2026-03-12", "call at 3"),
        ("call tomorrow at 12 Main Street", "2026-03-12", "call at 12 Main Street"),
        ("call at 5pm Bob tomorrow", "2026-03-12 17:00", "call Bob"),
        ("call 08:30", "2026-03-12 08:30", "call"),
        ("call tomorrow @15:00", "2026-03-12 15:00", "call"),
        ("vote feb 29", "2028-02-29", "vote"),
        ("pay on the 10th", "2026-04-10", "pay"),
        ("pay in a week", "2026-03-18", "pay"),
        ("pay 2 weeks from now", "2026-03-25", "pay"),
        ("pay 12/24", "2026-12-24", "pay"),
        ("pay 24.12.2026", "2026-12-24", "pay"),
        ("Friday: call mom", "2026-03-13", "call mom"),
        ("pay rent, tomorrow", "2026-03-12", "pay rent"),
        ("pay tomorrow, then rest", "2026-03-12", "pay, then rest"),
        ("call at 5 pm. Then rest", "2026-03-11 17:00", "call. Then rest"),
        ('Read "The Day After tomorrow" today', "2026-03-11", 'Read "The Day After tomorrow"'),
        ("Read “due tomorrow” today", "2026-03-11", "Read “due tomorrow”"),
        ('5" of snow tomorrow', "2026-03-12", '5" of snow'),
    ],
)
def test_dates_and_times(text: str, due: str, title: str) -> None:
    assert values(text) == {"title": title, "due": due}


@pytest.mark.parametrize(
    ("text", "due", "rrule"),
    [
        ("run every day at 9", "2026-03-12 09:00", "FREQ=DAILY"),
        ("run every monday and friday at 9", "2026-03-13 09:00", "FREQ=WEEKLY;BYDAY=MO,FR"),
        ("run every wednesday at 9", "2026-03-18 09:00", "FREQ=WEEKLY;BYDAY=WE"),
        ("run every wednesday at 17:30", "2026-03-11 17:30", "FREQ=WEEKLY;BYDAY=WE"),
        ("run every month on the 31st", "2026-03-31", "FREQ=MONTHLY;BYMONTHDAY=31"),
        ("run every 2 months on the 5th", "2026-04-05", "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=5"),
        ("run every year on may 3", "2026-05-03", "FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=3"),
        ("run every evening at 7", "2026-03-11 19:00", "FREQ=DAILY"),
        ("run tomorrow at 9 every week", "2026-03-12 09:00", "FREQ=WEEKLY"),
        ("run hourly", "2026-03-11 11:30", "FREQ=HOURLY"),
        (
            "run every friday at noon until jan 5",
            "2026-03-13 12:00",
            "FREQ=WEEKLY;BYDAY=FR;UNTIL=20270105T225959Z",
        ),
    ],
)
def test_repetition(text: str, due: str, rrule: str) -> None:
    assert values(text) == {"title": "run", "due": due, "recurrence": rrule}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tomorrow", {"title": "tomorrow"}),
        ("#work !high", {"title": "#work !high"}),
        (
            "tomorrow #work !low @x",
            {"title": "tomorrow", "project": "Work", "priority": "low", "labels": "x"},
        ),
        # What is left is a space without width.
        ("\u200b tomorrow", {"title": "\u200b tomorrow"}),
    ],
)
def test_words_that_would_leave_no_title_are_title(text: str, expected: dict[str, str]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a #errands", {"title": "a #errands"}),
        ("a #garden", {"title": "a #garden"}),
        ("a #\uff37\uff2f\uff32\uff2b", {"title": "a", "project": "Work"}),
        ("a #work #home", {"title": "a #home", "project": "Work"}),
        ("a #garden #home", {"title": "a #garden", "project": "Home"}),
        ("a !Urgent !low", {"title": "a !low", "priority": "urgent"}),
        ("a !important", {"title": "a !important"}),
        ('a @x @X @"y z" @', {"title": "a @", "labels": "x, y z"}),
        ("a @" + "x" * 61, {"title": "a @" + "x" * 61}),
        ("mail ada@example.com", {"title": "mail ada@example.com"}),
        ("a @x, b", {"title": "a, b", "labels": "x"}),
    ],
)
def test_mentions(text: str, expected: dict[str, str]) -> None:
    assert values(text) == expected


def test_the_51st_label_is_title() -> None:
    text = "a " + " ".join(f"@{number}" for number in range(51))
    assert len(read(text).labels) == 50
    assert read(text).title == "a @50"


def test_places_are_counted_in_characters() -> None:
    [part] = read("\U0001f600\U0001f600 e\u0301 tomorrow").parts
    assert (part.field, part.start, part.end) == ("due", 6, 14)


def test_hours_from_now_are_real_ones() -> None:
    before = datetime(2026, 3, 29, 1, 30, tzinfo=zone(TIMEZONE))
    due = understand("rest in 2 hours", before, TIMEZONE, {}).due
    assert due == datetime(2026, 3, 29, 4, 30)  # noqa: DTZ001 - a wall clock


def test_the_projects_that_a_text_names() -> None:
    assert projects_named('a #Work b#c #"My Project" "#quoted" # @x') == {"work", "my project"}
