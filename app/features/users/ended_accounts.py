"""Cleans up once more after each deleted account.

During an upgrade an older version may still write on behalf of an account that was deleted; what it
wrote is removed here. Why: `docs/decisions/ends-of-accounts.md`.
"""

from datetime import timedelta
from uuid import UUID

from app.core.clock import Now, new_id_text
from app.core.context import Context
from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.core.signing import Signer
from app.database.unit_of_work import Database
from app.features.labels.adoption import LabelAdopter
from app.features.projects.dependencies import project_service
from app.features.sessions.service import SessionService
from app.features.users.repository import UNSETTLED, UserRepository
from app.features.users.service import AccountEnd

# Longer than any request that was running at the deletion.
_LATER = timedelta(minutes=1)


async def clean_up_ended_accounts(database: Database, settings: Settings, now: Now) -> int:
    """Clean up after each deleted account once, each in its own transaction; returns how many.

    An account that fails is left for the next run; its error is raised after the others are done.
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
    """Clean up after one account; False if another process does or did."""
    assert settings.secret_key is not None
    signer = Signer(settings.secret_key.get_secret_value(), "cursor")
    context = Context(new_id_text(), now)
    async with database.unit_of_work() as session:
        repository = UserRepository(session)
        if not await repository.hold_unsettled(user_id):
            return False
        end = AccountEnd(
            repository,
            # Processes that serve requests read the ended sessions from the database.
            SessionService(session, None, context, settings, network=None),
            lambda principal: project_service(session, principal, context, signer),
            LabelAdopter(session),
            context,
        )
        await end.settle(user_id)
        await repository.settled(user_id, now())
    return True
