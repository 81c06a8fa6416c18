"""What is between Tickbox and PostgreSQL: whether the settings know of it."""

from sqlalchemy import literal_column, select

from app.core import refusals
from app.core.command import variable
from app.core.config import SettingsError
from app.core.database import Database
from app.core.doctor.case import Case
from app.core.doctor.finding import Findings, failed, ok, skipped
from app.core.errors import AppError
from app.core.statement import Statement

_ONE = Statement(select(literal_column("1")))


async def check_pooler(case: Case) -> Findings:
    """Whether what is between is what the settings say."""
    url, problem = case.url("database_url")
    if case.database is None or problem:
        yield skipped(problem or "PostgreSQL was not reached")
        return
    database = Database(case.settings)
    try:
        for name, pool in database.pools.items():
            try:
                await pool.check_session()
            except AppError:
                # Whether a replica answers is looked at by a check of its own.
                if name == "primary":
                    raise
        await database.primary.fetch_value(_ONE)
    except SettingsError as error:
        yield failed(str(error))
    except AppError as error:
        why = refusals.why(error.__cause__ or error, url)
        yield failed(f"{why}; mend that, or {variable('database_url')}")
    else:
        if database.pools["primary"].is_behind_session_pooler:
            yield ok("one that keeps a connection for as long as it is open")
        elif case.settings.database_pool_mode == "transaction":
            yield ok("one that gives a connection for a transaction")
        else:
            yield ok("none is set, and none is found")
    finally:
        await database.close()
