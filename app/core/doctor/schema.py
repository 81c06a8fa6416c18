"""The schema: whether it is the one that this version of Tickbox needs."""

from sqlalchemy import text

from app.core import migrations, refusals
from app.core.doctor.case import Case
from app.core.doctor.finding import Findings, failed, ok, skipped, warning

_REVISIONS = text("SELECT version_num FROM alembic_version")
_EXISTS = text("SELECT to_regclass('alembic_version') IS NOT NULL")


async def check_migrations(case: Case) -> Findings:
    """Of the primary."""
    if case.database is None:
        yield skipped("PostgreSQL was not reached")
        return
    try:
        is_there = await case.database.scalar(_EXISTS)
        revisions = list(await case.database.scalars(_REVISIONS)) if is_there else []
    except refusals.FAILURES as error:
        why = refusals.why(error, case.settings.migration_url, forbidden="read its tables")
        yield failed(f"where the schema is cannot be read: {why}")
        return
    steps = migrations.behind(revisions[0]) if len(revisions) == 1 else None
    if not revisions:
        yield warning("there is no schema yet: `tickbox migrate` makes it, and `tickbox serve` too")
    elif steps is None:
        yield failed(
            "the schema is of a newer Tickbox, or of something else: install the version that it "
            "is of, or name another database"
        )
    elif steps:
        yield failed(
            f"the schema is {steps} {'step' if steps == 1 else 'steps'} behind: run "
            "`tickbox migrate`; `tickbox serve` does so at its start"
        )
    else:
        yield ok(f"at head, {revisions[0]}")
