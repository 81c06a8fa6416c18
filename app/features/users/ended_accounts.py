"""Cleans up once more after accounts that have ended.

Code of before, and what runs beside it during an upgrade, writes in the name of accounts that have
ended: what came of that ends as what was there did. Why: `docs/decisions/ends-of-accounts.md`.
"""

from datetime import timedelta
from uuid import UUID

from app.core.clock import Now, new_id_text
from app.core.context import Context
from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.core.signing import Signer
from app.database.unit_of_work import Database
from app.features.projects.dependencies import project_service
from app.features.sessions.service import SessionService
from app.features.users.repository import UNSETTLED, UserRepository
from app.features.users.service import AccountEnd

# Longer than what was under way goes on.
_LATER = timedelta(minutes=1)


async def clean_up_ended_accounts(database: Database, settings: Settings, now: Now) -> int:
    """Look after each account that has ended, once, in a transaction each; how many there were.

    Raises the first failure, after all others are done: what it is of is left for the next time.
    `DatabaseUnavailable` is raised at once.
    """
    count = 0
    failures: list[Exception] = []
    before = now() - _LATER
    for row in await database.primary.fetch_all(UNSETTLED, now=before):
        try:
            count += await _settle(database, settings, now, row["id"])
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - it is raised below
            failures.append(error)
    if failures:
        raise failures[0]
    return count


async def _settle(database: Database, settings: Settings, now: Now, user_id: UUID) -> bool:
    """Whether it was left to us."""
    assert settings.secret_key is not None
    signer = Signer(settings.secret_key.get_secret_value(), "cursor")
    context = Context(new_id_text(), now)
    async with database.unit_of_work() as session:
        repository = UserRepository(session)
        if not await repository.hold_unsettled(user_id):
            return False
        end = AccountEnd(
            repository,
            # Who serves learns of those that ended from the database.
            SessionService(session, None, context, settings, network=None),
            lambda principal: project_service(session, principal, context, signer),
        )
        await end.settle(user_id)
        await repository.settled(user_id, now())
    return True
