"""People who use Tickbox through HTTP, and what they make there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from app.security.password_hashing import PasswordHasher

PASSWORD = "correct horse battery staple"

Json = dict[str, Any]


class RememberingHasher(PasswordHasher):
    """Hashes the people's one password once: 40 ms a person would be most of the tests' time."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._known: str | None = None

    async def hash(self, password: str) -> str:
        if password != PASSWORD:
            return await super().hash(password)
        if self._known is None:
            self._known = await super().hash(password)
        return self._known

    async def verify(self, password: str, password_hash: str | None) -> bool:
        if password == PASSWORD and password_hash is not None and password_hash == self._known:
            return True
        return await super().verify(password, password_hash)


class Person:
    """Somebody with an account, signed in: `client` sends the access token."""

    def __init__(self, app: FastAPI, client: AsyncClient, user: Json, tokens: Json) -> None:
        self._app = app
        self.client = client
        self.user = user
        self.tokens = tokens
        self.id = UUID(user["id"])

    async def begin_anew(self) -> None:
        """Be somebody else, with an account of their own."""
        email = f"{uuid4().hex}@example.com"
        user = await self.client.post("/v1/users", json={"email": email, "password": PASSWORD})
        assert user.status_code == 201, user.text
        self.user, self.id = user.json(), UUID(user.json()["id"])
        await self.sign_in_again()

    async def sign_in_again(self) -> None:
        """Have new tokens, as of now by the app's clock."""
        self.tokens = await sign_in(self.client, self.user["email"])
        self.client.headers["Authorization"] = f"Bearer {self.tokens['access_token']}"

    async def get(self, url: str, **options: Any) -> Response:
        return await self.client.get(url, **options)

    async def invalidate(self) -> None:
        """Forget what this person read: what a test changes by SQL, the cache is not told of."""
        await self._app.state.cache.invalidate([self.id])

    async def make_todo(self, title: str = "Book the train", **fields: Any) -> Json:
        return await self._made("/v1/todos", title=title, **fields)

    async def make_project(self, name: str = "Garden", **fields: Any) -> Json:
        return await self._made("/v1/projects", name=name, **fields)

    async def make_label(self, name: str | None = None, **fields: Any) -> Json:
        """One with a name that no other has, unless it is given one."""
        return await self._made("/v1/labels", name=name or f"Label {uuid4().hex}", **fields)

    async def make_comment(self, todo: Json, body: str = "Sold out.", **fields: Any) -> Json:
        return await self._made(f"/v1/todos/{todo['id']}/comments", body=body, **fields)

    async def make_session(self) -> Json:
        """Another one than the client's."""
        await sign_in(self.client, self.user["email"])
        [newest] = (await self.get("/v1/sessions?limit=1")).json()["items"]
        session: Json = newest
        return session

    async def inbox(self) -> Json:
        projects = (await self.get("/v1/projects?limit=200")).json()["items"]
        return next(project for project in projects if project["is_inbox"])

    async def walk(self, url: str, **params: Any) -> list[Json]:
        """All items of a list, page by page."""
        items: list[Json] = []
        cursor = None
        while True:
            page = await self.get(url, params={**params, **({"cursor": cursor} if cursor else {})})
            assert page.status_code == 200, page.text
            items += page.json()["items"]
            cursor = page.json()["next_cursor"]
            if cursor is None:
                return items

    async def _made(self, url: str, **fields: Any) -> Json:
        response = await self.client.post(url, json=fields)
        assert response.status_code == 201, response.text
        made: Json = response.json()
        return made


async def until_cached(person: Person, url: str) -> Response:
    """The first answer that the cache gives.

    Redis may be slow on a busy machine, and is done without then: so there is more than one try.
    """
    for _ in range(20):
        response = await person.get(url)
        if response.headers["x-cache"] == "hit":
            return response
    raise AssertionError(f"{url} is never cached")


@asynccontextmanager
async def sign_up(app: FastAPI, name: str = "Ada") -> AsyncIterator[Person]:
    """Somebody new, with an address that nobody else has."""
    async with AsyncClient(transport=ASGITransport(app), base_url="http://tickbox") as client:
        email = f"{name.lower()}-{uuid4().hex}@example.com"
        user = await client.post(
            "/v1/users", json={"email": email, "password": PASSWORD, "display_name": name}
        )
        assert user.status_code == 201, user.text
        tokens = await sign_in(client, email)
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield Person(app, client, user.json(), tokens)


async def sign_in(client: AsyncClient, email: str, **fields: str) -> Json:
    """The tokens of a new session."""
    response = await client.post(
        "/v1/oauth/token",
        data={"grant_type": "password", "username": email, "password": PASSWORD, **fields},
    )
    assert response.status_code == 200, response.text
    tokens: Json = response.json()
    return tokens


async def share(
    database: asyncpg.Connection, project: Json, person: Person, role: str = "editor"
) -> None:
    """Make somebody a member: there is no invitation yet, but permissions go by members already."""
    await database.execute(
        "INSERT INTO project_members (project_id, user_id, role, created_at) "
        "VALUES ($1, $2, $3, now())",
        UUID(project["id"]),
        person.id,
        role,
    )
    await person.invalidate()


async def invite(owner: Person, project: Json, email: str, role: str = "editor") -> Json:
    """The answer to an invitation of this address."""
    response = await owner.client.post(
        f"/v1/projects/{project['id']}/invitations", json={"email": email, "role": role}
    )
    assert response.status_code == 201, response.text
    made: Json = response.json()
    return made


async def join(owner: Person, project: Json, person: Person, role: str = "editor") -> Json:
    """Make somebody a member by an invitation; gives the project as that sees it."""
    made = await invite(owner, project, person.user["email"], role)
    response = await person.client.post("/v1/invitations/accept", json={"token": made["token"]})
    assert response.status_code == 200, response.text
    joined: Json = response.json()
    return joined


@asynccontextmanager
async def another(person: Person) -> AsyncIterator[Person]:
    """Somebody new in the same Tickbox."""
    async with sign_up(person._app, "Other") as other:
        yield other
