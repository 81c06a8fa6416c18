"""Whether a page deep in a long list costs what the first one does."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from app.core.settings import Settings
from benchmarks.cases import Sender
from benchmarks.client import Client
from benchmarks.fill import connected, fill
from benchmarks.people import Person, settle_alone
from benchmarks.servers import BenchmarkError, started, tickbox

LIMIT = 100
# Of each page: with so many, a busy machine moves the ratio of two medians by less than a tenth.
REQUESTS = 400
# How many projects hold all of a user's todos.
PROJECTS: Mapping[Sender, int] = {"reader": 50, "writer": 1}


@dataclass(frozen=True, slots=True)
class Depth:
    """One user's list: milliseconds of its first page, the one in the middle, and the last."""

    todos: int
    projects: int
    first: float
    middle: float
    last: float

    @property
    def pages(self) -> int:
        return self.todos // LIMIT

    @property
    def ratio(self) -> float:
        """The last page as a multiple of the first."""
        return self.last / self.first

    @property
    def middle_ratio(self) -> float:
        """The page in the middle as a multiple of the first."""
        return self.middle / self.first


def depths(settings: Settings, todos: int, folder: Path) -> list[Depth]:
    """Of two users, the only ones in an empty database, each of whom gets so many todos."""
    people = asyncio.run(_people(settings, todos))
    with started([tickbox(settings)], folder) as (server,):
        client = Client(server)
        return [
            _depth(client, person.token, todos, PROJECTS[sender])
            for sender, person in people.items()
        ]


async def _people(settings: Settings, todos: int) -> Mapping[Sender, Person]:
    people = await settle_alone(settings)
    async with connected(settings) as database:
        for number, (sender, person) in enumerate(people.items()):
            projects = PROJECTS[sender]
            await fill(
                database,
                [person.id],
                projects=projects,
                todos=todos // projects,
                first=number * todos,
            )
    return people


def _depth(client: Client, token: str, todos: int, projects: int) -> Depth:
    paths = _walk(client, token, todos)
    asked = {name: paths[at] for name, at in (("first", 0), ("middle", len(paths) // 2 - 1))}
    asked["last"] = paths[-1]
    times: dict[str, list[float]] = {name: [] for name in asked}
    # One after the other, so that what the machine does meanwhile meets all of them alike.
    for _ in range(REQUESTS):
        for name, path in asked.items():
            times[name].append(client.timed(path, token)[0])
    return Depth(todos, projects, **{name: median(values) for name, values in times.items()})


def _walk(client: Client, token: str, todos: int) -> list[str]:
    """Each page's path, as the cursors lead. Raises `BenchmarkError` unless all todos are there."""
    path: str | None = f"/v1/todos?limit={LIMIT}"
    paths: list[str] = []
    seen: set[str] = set()
    while path is not None:
        paths.append(path)
        page = json.loads(client.ask(path, token))
        seen.update(todo["id"] for todo in page["items"])
        cursor = page["next_cursor"]
        path = f"/v1/todos?limit={LIMIT}&cursor={cursor}" if cursor else None
    if len(seen) != todos or len(paths) != todos // LIMIT:
        raise BenchmarkError(f"{len(paths)} pages had {len(seen)} of {todos} todos.")
    return paths
