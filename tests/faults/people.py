"""People on connections of their own, who remember what they were told is kept."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import asyncpg

from tests.faults.wire import Address, Answer, Connection
from tests.people import PASSWORD, Json

LIST = "/v1/todos?limit=20"
LATEST = 10


class Person:
    """Somebody with an account, signed in."""

    def __init__(self, address: Address, email: str, token: str) -> None:
        self.address = address
        self.email = email
        self.token = token
        self.created: list[str] = []  # in the order of their answers
        self.patched: dict[str, int] = {}

    def connect(self) -> "Client":
        """Another connection of theirs."""
        return Client(self)


class Client:
    """One connection of somebody's, which sends one request after the other."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.connection = Connection(person.address, person.token)
        self._turn = 0
        self._patched: Json | None = None

    async def list_todos(self) -> Answer:
        return await self.connection.send("GET", LIST)

    async def create(self) -> Answer:
        answer = await self.connection.send("POST", "/v1/todos", {"title": "Book the train"})
        if answer.status == 201:
            self.person.created.append(answer.json()["id"])
        return answer

    async def patch(self) -> Answer:
        """Raise the number in a todo of this connection's own, which is created at first."""
        if self._patched is None:
            answer = await self.create()
            if answer.status == 201:
                self._patched = answer.json()
            return answer
        self._turn += 1
        answer = await self.connection.send(
            "PATCH", f"/v1/todos/{self._patched['id']}", {"title": str(self._turn)}
        )
        if answer.status == 200:
            self.person.patched[self._patched["id"]] = self._turn
        return answer

    async def list_the_latest(self) -> Answer:
        """List; what the person was told is created is there, the latest first."""
        latest = self.person.created[-LATEST:]
        answer = await self.list_todos()
        if answer.status == 200:
            listed = {todo["id"] for todo in answer.json()["items"]}
            assert listed.issuperset(latest), "an old list"
        return answer

    async def read_own_writes(self) -> Answer:
        """Create, then list, in turn."""
        self._turn += 1
        return await (self.list_the_latest if self._turn % 2 else self.create)()

    async def sign_in(self) -> Answer:
        return await sign_in(self.connection, self.person.email)

    async def in_turn(self) -> Answer:
        """Reads and writes, as many of each."""
        self._turn += 1
        return await (self.list_todos, self.create, self.list_todos, self.patch)[self._turn % 4]()


async def sign_in(connection: Connection, email: str) -> Answer:
    form = {"grant_type": "password", "username": email, "password": PASSWORD}
    return await connection.send("POST", "/v1/oauth/token", form=form)


async def sign_up(address: Address) -> Person:
    connection = Connection(address)
    email = f"ada-{uuid4().hex}@example.com"
    account = await connection.send("POST", "/v1/users", {"email": email, "password": PASSWORD})
    assert account.status == 201, account
    tokens = await sign_in(connection, email)
    assert tokens.status == 200, tokens
    connection.close()
    return Person(address, email, tokens.json()["access_token"])


async def several(address: Address, count: int, *, todos: int = 0) -> list[Person]:
    """So many people, with so many todos each."""
    people = [await sign_up(address) for _ in range(count)]

    async def fill(client: Client) -> None:
        for _ in range(todos):
            await client.create()
        client.connection.close()

    await asyncio.gather(*(fill(person.connect()) for person in people))
    return people


async def lost_writes(people: Sequence[Person], database: asyncpg.Connection) -> list[str]:
    """The ids of todos that were answered as kept, and are not there, or not as answered."""
    titles = {
        str(row["id"]): row["title"] for row in await database.fetch("SELECT id, title FROM todos")
    }
    lost = []
    for person in people:
        lost += [todo_id for todo_id in person.created if todo_id not in titles]
        # A later one that was not answered may have been kept as well.
        lost += [
            todo_id
            for todo_id, number in person.patched.items()
            if int(titles.get(todo_id, "-1")) < number
        ]
    return lost
