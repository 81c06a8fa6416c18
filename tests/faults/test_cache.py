"""The cache, asked and outdated by several processes, while Redis comes and goes: never stale."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from uuid import UUID

import asyncpg
from redis import Redis

from tests.faults.conftest import Report, Serve
from tests.faults.load import percentile, quantiles
from tests.faults.people import Person, sign_up
from tests.faults.processes import Stores, Tickbox
from tests.faults.wire import Answer, Connection

REQUESTS = 10_000
WORKERS = 16
ALLOWED = 0.1


class Shelf:
    """A project that two people share; what each todo's version was answered to be."""

    def __init__(self, project_id: str) -> None:
        self.project_id = project_id
        self.versions: dict[str, int] = {}

    def answered(self, answer: Answer) -> None:
        todo = answer.json()
        known = self.versions.get(todo["id"], 0)
        self.versions[todo["id"]] = max(known, todo["version"])


class Worker:
    """Writes one todo and reads all of them, as either person, through any process."""

    def __init__(self, shelf: Shelf, connections: list[Connection], seed: int) -> None:
        self.shelf = shelf
        self.connections = connections
        self.random = random.Random(seed)
        self.numbers = count()
        self.mine = ""
        self.answers: list[Answer] = []

    async def create(self) -> None:
        body = {"title": "0", "project_id": self.shelf.project_id}
        answer = await self.send("POST", "/v1/todos", body)
        self.mine = answer.json()["id"]
        self.shelf.answered(answer)

    async def step(self) -> None:
        dice = self.random.random()
        if dice < 0.15:
            body = {"title": str(next(self.numbers))}
            self.shelf.answered(await self.send("PATCH", f"/v1/todos/{self.mine}", body))
        elif dice < 0.5:
            todo_id = self.random.choice(list(self.shelf.versions))
            known = self.shelf.versions[todo_id]
            answer = await self.send("GET", f"/v1/todos/{todo_id}")
            assert answer.json()["version"] >= known, "a stale todo"
        else:
            known_all = dict(self.shelf.versions)
            answer = await self.send("GET", f"/v1/todos?project_id={self.shelf.project_id}")
            listed = {todo["id"]: todo["version"] for todo in answer.json()["items"]}
            stale = [key for key, known in known_all.items() if listed.get(key, 0) < known]
            assert not stale, "a stale list"

    async def send(self, method: str, path: str, body: dict[str, str] | None = None) -> Answer:
        answer = await self.random.choice(self.connections).send(method, path, body)
        assert answer.status in (200, 201), answer
        self.answers.append(answer)
        return answer


class Crowd:
    """The workers, who stop after so many requests in all."""

    def __init__(self, workers: list[Worker]) -> None:
        self.workers = workers
        self.left = 0

    async def send(self, requests: int) -> list[Answer]:
        """So many requests of them all; the answers."""
        self.left = requests

        async def work(worker: Worker) -> list[Answer]:
            worker.answers = []
            while self.left > 0:
                self.left -= 1
                await worker.step()
            return worker.answers

        parts = await asyncio.gather(*(work(worker) for worker in self.workers))
        return [answer for part in parts for answer in part]


def hits(answers: list[Answer]) -> int:
    return [answer.headers.get("x-cache") for answer in answers].count("hit")


async def crowd(
    processes: list[Tickbox], database: asyncpg.Connection
) -> tuple[Crowd, list[Person]]:
    people = [await sign_up(processes[0].address) for _ in range(2)]
    connection = Connection(people[0].address, people[0].token)
    project = (await connection.send("POST", "/v1/projects", {"name": "Garden"})).json()
    shelf = Shelf(project["id"])
    await database.execute(
        "INSERT INTO project_members (project_id, user_id, role, created_at) "
        "SELECT $1, id, 'editor', now() FROM users WHERE email = $2",
        UUID(project["id"]),
        people[1].email,
    )
    workers = []
    for seed in range(WORKERS):
        connections = [
            Connection(process.address, person.token) for process in processes for person in people
        ]
        worker = Worker(shelf, connections, seed)
        await worker.create()
        workers.append(worker)
    return Crowd(workers), people


@asynccontextmanager
async def killed(stores: Stores) -> AsyncIterator[None]:
    await asyncio.to_thread(stores.valkey.kill)
    yield
    await asyncio.to_thread(stores.valkey.start)


@asynccontextmanager
async def frozen(stores: Stores) -> AsyncIterator[None]:
    with stores.valkey.frozen():
        yield


@asynccontextmanager
async def flushed(stores: Stores) -> AsyncIterator[None]:
    with Redis.from_url(stores.environment["TICKBOX_REDIS_URL"]) as redis:
        redis.flushall()
    yield


async def test_no_process_gives_what_was_true_before_an_answered_write(
    serve: Serve, report: Report, stores: Stores, database: asyncpg.Connection
) -> None:
    processes = [serve(), serve()]
    everybody, _ = await crowd(processes, database)

    before = await everybody.send(REQUESTS // 4)
    report(f"before: {hits(before)} hits, {quantiles([answer.seconds for answer in before])}")
    assert hits(before) > len(before) / 10
    allowed = percentile([answer.seconds for answer in before], 99) + ALLOWED
    for fault in (flushed, frozen, killed):
        async with fault(stores):
            meanwhile = await everybody.send(REQUESTS // 8)
        after = await everybody.send(REQUESTS // 8)
        seconds = [answer.seconds for answer in meanwhile + after]
        report(
            f"{fault.__name__}: {hits(meanwhile)} hits, then {hits(after)}, {quantiles(seconds)}"
        )
        assert percentile(seconds, 99) < allowed
        assert hits(after) > 0


async def test_nobody_is_given_what_somebody_else_read(
    serve: Serve, database: asyncpg.Connection
) -> None:
    processes = [serve(), serve()]
    everybody, people = await crowd(processes, database)
    secrets = {}
    for person in people:
        title = f"secret of {person.email}"
        answer = await Connection(person.address, person.token).send(
            "POST", "/v1/todos", {"title": title}
        )
        secrets[person.email] = answer.json()

    async def look(process: Tickbox, person: Person, other: Person) -> int:
        connection = Connection(process.address, person.token)
        found = 0
        for _ in range(100):
            listed = await connection.send("GET", "/v1/todos")
            foreign = await connection.send("GET", f"/v1/todos/{secrets[other.email]['id']}")
            assert foreign.status == 404
            titles = {todo["title"] for todo in listed.json()["items"]}
            assert f"secret of {person.email}" in titles
            assert f"secret of {other.email}" not in titles
            found += listed.headers.get("x-cache") == "hit"
        return found

    looking = [
        look(process, person, other)
        for process in processes
        for person, other in (people, people[::-1])
    ]
    _, *found = await asyncio.gather(everybody.send(500), *looking)
    assert any(found)
