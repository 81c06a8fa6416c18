"""What a search costs among 200,000 todos, however common its words are.

The unit is PostgreSQL's own work: what it takes to count a million numbers, some 60 ms on a fast
machine. It is CPU time, and both are measured in turn, so that neither a slow machine nor what else
runs there is in the result.
"""

import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from app.core.clock import new_id
from app.core.settings import Settings
from app.features.todos.sql import search
from app.features.todos.words import words
from tests import servers
from tests.apps import running
from tests.faults.conftest import Report
from tests.people import Person, share, sign_up

TODOS = 200_000
# Units that all but one search in a hundred may take at most.
MOST = 3.0
OTHERS = 20
_COLUMNS = [
    *("id", "project_id", "depth", "created_by", "title", "title_key", "description", "priority"),
    *("due_all_day", "position", "subtask_count", "completed_subtask_count", "version"),
    *("created_at", "updated_at", "completed_at", "title_words", "description_words"),
]
# English letters by how often they begin a word.
_LETTERS = "taoiswcbphfmdrelngukvyjqxz"
_KANJI = [chr(code) for code in range(0x4E00, 0x4E00 + 400)]


def _vocabulary(source: random.Random) -> list[str]:
    weights = range(2 * len(_LETTERS), 0, -2)
    return [
        "".join(source.choices(_LETTERS, weights, k=source.randint(1, 9))) for _ in range(20_000)
    ]


class Texts:
    """Titles and descriptions, by Zipf's law; a few of them are Chinese."""

    def __init__(self) -> None:
        self._source = random.Random(2026)
        self.vocabulary = _vocabulary(self._source)
        weights = [1 / rank for rank in range(1, len(self.vocabulary) + 1)]
        self._words = self._source.choices(self.vocabulary, weights, k=300_000)
        # They are split once each, and used again and again.
        self.titles = [self._split(self._text(2, 8)) for _ in range(4_000)]
        self.descriptions = [self._split(self._text(5, 25)) for _ in range(4_000)]

    def _text(self, least: int, most: int) -> str:
        count = self._source.randint(least, most)
        if self._source.random() < 0.05:
            return "".join(self._source.choices(_KANJI, k=count * 2))
        place = self._source.randrange(len(self._words) - most)
        return " ".join(self._words[place : place + count])

    def _split(self, text: str) -> tuple[str, str]:
        return text, " ".join(words(text))

    def row(self, number: int, project: UUID, owner: UUID, at: datetime) -> tuple[Any, ...]:
        title, title_words = self._source.choice(self.titles)
        described = self._source.random() < 0.5
        text, text_words = self._source.choice(self.descriptions) if described else (None, None)
        created = at + timedelta(milliseconds=number)
        done = created if number % 10 == 0 else None
        return (
            *(new_id(), project, 1, owner, title, title, text, number % 5, False),
            *(f"{number:08d}", 0, 0, 1, created, created, done, title_words, text_words),
        )

    def queries(self) -> list[dict[str, Any]]:
        """One-letter and longer beginnings, several words, Chinese, what is nowhere; filters."""
        letters: list[dict[str, Any]] = [{"q": letter} for letter in _LETTERS]
        letters += [
            {"q": f"{one} {other}"}
            for one, other in zip(_LETTERS, _LETTERS[7:] + _LETTERS[:7], strict=True)
        ]
        letters += [{"q": " ".join(_LETTERS[:count])} for count in (4, 8, 26)]
        common = [{"q": word[:length]} for word in self.vocabulary[:30] for length in (2, 3, 9)]
        rare = [{"q": word} for word in self._source.sample(self.vocabulary, 60)]
        several = [
            {"q": " ".join(word[:3] for word in self._source.sample(self.vocabulary[:200], count))}
            for count in (2, 3, 5) * 10
        ]
        chinese = [{"q": "".join(self._source.sample(_KANJI, count))} for count in (1, 2, 3) * 8]
        nowhere = [{"q": "nowhere to be found"}, {"q": "🎂"}, {"q": "x" * 100}]
        filtered: list[dict[str, Any]] = [
            {"q": letter, **filters}
            for letter in "taxz"
            for filters in (
                {"completed": "true"},
                {"priority": "urgent", "completed": "true"},
                {"parent_id": str(new_id())},
                {"sort": "-created_at"},
                {"sort": "due", "limit": 200},
                {"limit": 200},
            )
        ]
        return [*letters, *common, *rare, *several, *chinese, *nowhere, *filtered]


async def _projects(person: Person, count: int) -> list[dict[str, Any]]:
    return [await person.make_project(f"Project {number}") for number in range(count)]


async def _load(database: asyncpg.Connection, ada: Person, bob: Person, app: FastAPI) -> Texts:
    """Half of the todos are Ada's, in 50 projects, of which Bob sees 10; half are of others."""
    texts, at = Texts(), datetime.now(UTC).replace(microsecond=0)
    mine = await _projects(ada, 50)
    for project in mine[:10]:
        await share(database, project, bob)
    async with sign_up(app, "Carol") as carol:
        others = await _projects(carol, OTHERS)
    homes = [
        [(UUID(project["id"]), person.id) for project in projects]
        for person, projects in ((ada, mine), (carol, others))
    ]
    rows = [
        texts.row(number, *homes[number % 2][number // 2 % len(homes[number % 2])], at)
        for number in range(TODOS)
    ]
    index = await database.fetchval("SELECT pg_get_indexdef('ix_todos_words'::regclass)")
    await database.execute("DROP INDEX ix_todos_words")
    await database.copy_records_to_table("todos", records=rows, columns=_COLUMNS)
    await database.execute(index)
    await database.execute("VACUUM ANALYZE")
    return texts


@pytest.fixture(scope="module")
def large() -> Iterator[Settings]:
    """A database of its own."""
    with servers.cloned_database(f"tickbox_search_{new_id().hex}") as name:
        yield servers.settings_for(name)


async def _seconds(person: Person, params: dict[str, Any], database: asyncpg.Connection) -> float:
    """The CPU time of one search, here and in PostgreSQL."""
    backends = await _backend_seconds(database)
    started = time.process_time()
    response = await person.get("/v1/todos", params=params)
    seconds = time.process_time() - started
    assert response.status_code == 200, response.text
    return seconds + await _backend_seconds(database) - backends


async def _backend_seconds(database: asyncpg.Connection) -> float:
    """The CPU time of the connections to this database but the one that asks."""
    pids = await database.fetch(
        "SELECT pid FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return sum(map(_cpu_seconds, (pid for (pid,) in pids)))


async def _unit(database: asyncpg.Connection) -> float:
    """The CPU time of the connection's own backend for counting a million numbers."""
    pid = database.get_server_pid()
    started = _cpu_seconds(pid)
    await database.execute("SELECT count(*) FROM generate_series(1, 1000000)")
    return _cpu_seconds(pid) - started


def _cpu_seconds(pid: int) -> float:
    """The first number of a process's `schedstat` is its nanoseconds on a CPU."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


@dataclass(frozen=True)
class Crowd:
    """Ada and Bob among many todos, and Dora, who has one."""

    people: tuple[Person, Person]
    dora: Person
    queries: list[dict[str, Any]]
    database: asyncpg.Connection


@pytest.fixture(scope="module")
async def crowd(large: Settings) -> AsyncIterator[Crowd]:
    assert large.database_url is not None
    async with (
        running(large, cache_seconds=0) as app,
        sign_up(app, "Ada") as ada,
        sign_up(app, "Bob") as bob,
        sign_up(app, "Dora") as dora,
    ):
        database = await servers.connect(large.database_url.get_secret_value())
        texts = await _load(database, ada, bob, app)
        await dora.make_todo("a to-do of mine")
        yield Crowd((ada, bob), dora, texts.queries(), database)
        await database.close()


async def test_a_search_among_200_000_todos_is_fast_and_asks_only_for_ones_own(
    crowd: Crowd, report: Report
) -> None:
    for q in ("a", "t", "a to", "mine"):
        assert await _blocks_for_one_match(crowd, q) < 50
    assert len({repr(query) for query in crowd.queries}) >= 200
    for person in crowd.people:
        rounds, units = [], []
        for _ in range(3):
            rounds.append(
                [await _seconds(person, query, crowd.database) for query in crowd.queries]
            )
            units += [await _unit(crowd.database) for _ in range(3)]
        # The quietest of three: others take the processor's caches too.
        least = map(min, *rounds)
        taken = sorted(zip(least, map(repr, crowd.queries), strict=True))
        median, p99 = taken[len(taken) // 2][0], taken[-1 - len(taken) // 100][0]
        report(
            f"{len(taken)} searches, median {median * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms; "
            f"the unit is {min(units) * 1000:.1f} ms"
        )
        assert p99 < MOST * min(units), taken[-10:]


async def _blocks_for_one_match(crowd: Crowd, q: str) -> int:
    """The blocks that PostgreSQL reads for a search of Dora, who has one todo."""
    statement = search.page("relevance", frozenset(), is_first=True, with_total=False)
    parameters = {
        "principal_id": crowd.dora.id,
        "principal_project_id": None,
        "limit": 51,
        **search.terms(q),
    }
    plan = await crowd.database.fetchval(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) {statement.sql}", *statement.arguments(parameters)
    )
    read = json.loads(plan)[0]["Plan"]
    assert read["Actual Rows"] == 1
    blocks: int = read["Shared Hit Blocks"] + read["Shared Read Blocks"]
    return blocks
