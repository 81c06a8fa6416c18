"""One transaction, one owner: kept before the answer leaves, or not at all."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import Depends, FastAPI, Response
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr
from sqlalchemy import DateTime, Text, Uuid, bindparam, func, insert, select
from starlette.types import Message, Receive, Scope, Send

from app.core.clock import utc_now
from app.core.errors import AppError, DatabaseUnavailable, NotFound
from app.core.settings import Settings
from app.database.base import table_of
from app.database.statement import Statement
from app.database.unit_of_work import Database, UnitOfWork
from app.features.sessions.models import SignInSession
from app.web.dependencies import unit_of_work
from app.web.routing import Route
from tests.apps import client_of, running
from tests.people import Person, sign_up

sessions = table_of(SignInSession)
_id: Any = bindparam("id", type_=Uuid)
ADD = Statement(
    insert(sessions)
    .values(
        id=_id,
        user_id=bindparam("user_id", type_=Uuid),
        scope=bindparam("scope", type_=Text),
        created_at=bindparam("now", type_=DateTime(timezone=True)),
        last_used_at=bindparam("now", type_=DateTime(timezone=True)),
    )
    .returning(sessions.c.id)
)
COUNT = Statement(select(func.count()).select_from(sessions).where(sessions.c.id == _id))
PID = Statement(select(func.pg_backend_pid()))
BROKEN = Statement(select(func.no_such_function()))


class Kept(NotFound):
    """No code of its own: the registry of problems is for real ones."""

    keeps_transaction = True


async def add(session: UnitOfWork, user_id: UUID) -> UUID:
    """A row, in the session's transaction."""
    row_id = uuid4()
    await session.fetch_all(ADD, id=row_id, user_id=user_id, scope="", now=utc_now())
    return row_id


async def run(data: Database, work: Callable[[UnitOfWork], Awaitable[None]]) -> None:
    async with data.unit_of_work() as session:
        await work(session)


async def is_kept(data: Database, row_id: UUID) -> bool:
    """As everybody else sees it."""
    count: int = (await data.primary.fetch_all(COUNT, id=row_id))[0][0]
    return count == 1


@pytest.fixture
def data(app: FastAPI) -> Database:
    database: Database = app.state.database
    return database


class TestUnitOfWork:
    async def test_keeps_all_of_it_or_nothing(self, data: Database, ada: Person) -> None:
        async with data.unit_of_work() as session:
            one, other = await add(session, ada.id), await add(session, ada.id)
            assert not await is_kept(data, one)
        assert await is_kept(data, one)
        assert await is_kept(data, other)

    @pytest.mark.parametrize("error", [NotFound(), RuntimeError(), KeyboardInterrupt()])
    async def test_that_fails_leaves_nothing(
        self, data: Database, ada: Person, error: BaseException
    ) -> None:
        rows: list[UUID] = []

        async def work(session: UnitOfWork) -> None:
            rows.append(await add(session, ada.id))
            raise error

        with pytest.raises(type(error)):
            await run(data, work)
        assert not await is_kept(data, rows[0])

    async def test_is_kept_by_an_error_that_says_so(self, data: Database, ada: Person) -> None:
        done = []

        async def work(session: UnitOfWork) -> None:
            async def action() -> None:
                done.append(await is_kept(data, row))

            session.after_commit(action)
            row = await add(session, ada.id)
            raise Kept

        with pytest.raises(Kept):
            await run(data, work)
        assert done == [True]

    async def test_that_says_nothing_asks_for_no_connection(self, settings: Settings) -> None:
        dead = settings.model_copy(update={"database_url": SecretStr("postgresql://127.0.0.1:1/x")})
        data = Database(dead)
        async with data.unit_of_work():
            pass
        await data.close()

    async def test_in_which_a_statement_failed_is_never_taken_for_kept(
        self, data: Database, ada: Person
    ) -> None:
        # PostgreSQL answers such a COMMIT with ROLLBACK, and with no error.
        rows: list[UUID] = []
        done = []

        async def work(session: UnitOfWork) -> None:
            async def action() -> None:
                done.append(True)

            session.after_commit(action)
            rows.append(await add(session, ada.id))
            with pytest.raises(asyncpg.UndefinedFunctionError):
                await session.fetch_all(BROKEN)

        with pytest.raises(AppError):
            await run(data, work)
        assert not await is_kept(data, rows[0])
        assert done == []

    @pytest.mark.parametrize("statements", [0, 1])
    async def test_that_idles_is_ended_by_the_database_and_not_taken_for_kept(
        self, settings: Settings, ada: Person, database: asyncpg.Connection, statements: int
    ) -> None:
        data = Database(settings.model_copy(update={"statement_timeout": 0.3}))
        rows: list[UUID] = []

        async def work(session: UnitOfWork) -> None:
            rows.append(await add(session, ada.id))
            pid = (await session.fetch_all(PID))[0][0]
            async with asyncio.timeout(5):
                while await database.fetchval("SELECT 1 FROM pg_stat_activity WHERE pid = $1", pid):
                    pass
            for _ in range(statements):
                (await session.fetch_all(PID))[0][0]

        with pytest.raises(DatabaseUnavailable):
            await run(data, work)
        assert not await is_kept(data, rows[0])
        await data.close()


class TestAfterCommit:
    async def test_is_done_once_the_transaction_is_kept_in_the_order_that_was_asked_for(
        self, data: Database, ada: Person
    ) -> None:
        seen: list[tuple[int, bool]] = []
        async with data.unit_of_work() as session:
            row = await add(session, ada.id)
            for number in (1, 2):

                async def action(number: int = number) -> None:
                    seen.append((number, await is_kept(data, row)))

                session.after_commit(action)
            assert seen == []
        assert seen == [(1, True), (2, True)]

    async def test_is_not_done_after_a_rollback(self, data: Database, ada: Person) -> None:
        done = []

        async def work(session: UnitOfWork) -> None:
            async def action() -> None:
                done.append(True)

            session.after_commit(action)
            await add(session, ada.id)
            raise NotFound

        with pytest.raises(NotFound):
            await run(data, work)
        assert done == []

    async def test_that_fails_is_logged_and_hides_nothing(
        self, data: Database, ada: Person, caplog: pytest.LogCaptureFixture
    ) -> None:
        done = []

        async def fails() -> None:
            raise OSError("the cache is away")

        async def succeeds() -> None:
            done.append(True)

        with caplog.at_level(logging.ERROR, "app.database.unit_of_work"):
            async with data.unit_of_work() as session:
                session.after_commit(fails)
                session.after_commit(succeeds)
                row = await add(session, ada.id)

        assert await is_kept(data, row)
        assert done == [True]
        [record] = caplog.records
        assert record.exc_info is not None
        assert record.exc_info[0] is OSError

    async def test_is_done_before_the_answer_leaves(self, settings: Settings) -> None:
        events: list[str] = []
        async with running(settings) as app:

            async def change(
                session: Annotated[UnitOfWork, Depends(unit_of_work)], user_id: UUID
            ) -> Response:
                async def action() -> None:
                    kept = await is_kept(app.state.database, row)
                    events.append("kept" if kept else "not kept")

                session.after_commit(action)
                row = await add(session, user_id)
                events.append("endpoint")
                return Response(status_code=201)

            app.router.routes.append(Route("/test/{user_id}", change, methods=["POST"]))

            async def noted(scope: Scope, receive: Receive, send: Send) -> None:
                async def note(message: Message) -> None:
                    events.append(message["type"])
                    await send(message)

                await app(scope, receive, note)

            async with (
                sign_up(app) as person,
                AsyncClient(transport=ASGITransport(noted), base_url="http://t") as client,
            ):
                response = await client.post(f"/test/{person.id}")

        assert response.status_code == 201
        assert events == ["endpoint", "kept", "http.response.start", "http.response.body"]


async def test_reads_see_what_others_kept_meanwhile(settings: Settings, ada: Person) -> None:
    async with running(settings) as other, client_of(other, ada.tokens["access_token"]) as client:
        todo = await ada.make_todo()
        assert (await client.get(f"/v1/todos/{todo['id']}")).json() == todo


async def test_a_replica_that_is_away_is_missed_only_by_reads_that_nobody_keeps(
    settings: Settings, ada: Person
) -> None:
    dead, token = "postgresql://postgres@127.0.0.1:1/tickbox", ada.tokens["access_token"]
    async with (
        running(settings, database_read_url=dead) as app,
        client_of(app, token) as client,
    ):
        written = await client.post("/v1/todos", json={"title": "Book the train"})
        kept = await client.get("/v1/todos")
        account = await client.get("/v1/users/me")

    assert written.status_code == 201
    assert kept.json()["items"] == [written.json()]
    assert (account.status_code, account.json()["code"]) == (503, "database_unavailable")
