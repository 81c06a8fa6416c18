"""Through PgBouncer in session mode, of which the settings tell."""

from sqlalchemy import func, select

from app.core.settings import Settings
from app.database.statement import Statement
from app.database.unit_of_work import Database
from tests.apps import running
from tests.database.pooled import SETTINGS, changed, needs_pgbouncer
from tests.people import sign_up
from tests.pgbouncer import pgbouncer
from tests.roundtrips import statements

pytestmark = needs_pgbouncer


async def test_serves_under_the_same_settings_as_ever(scratch: Settings) -> None:
    with pgbouncer(scratch.migration_url, servers=20, mode="session") as url:
        settings = changed(
            scratch, database_url=url, database_pool_size=2, database_pool_mode="session"
        )
        async with running(settings) as app, sign_up(app) as person:
            todo = await person.make_todo()
            async with statements(app) as sent:
                read = await person.get(f"/v1/todos/{todo['id']}")
            assert read.json() == todo
            assert len(sent) == 1
            database: Database = app.state.database
            await database.check()
            for name, value in SETTINGS.items():
                ask = Statement(select(func.current_setting(name)))
                assert (await database.reading(None).fetch_all(ask))[0][0] == value
                async with database.unit_of_work() as session:
                    assert (await session.fetch_all(ask))[0][0] == value
