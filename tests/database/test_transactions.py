"""Who has a transaction, and who may end one (design.md, rules 1, 2 and 13)."""

import re
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends, Response

from app.core.settings import Settings
from app.database.unit_of_work import UnitOfWork
from app.web.dependencies import unit_of_work
from app.web.routing import Route
from tests.apps import client_of, running

CODE = Path(__file__).parents[2] / "app"


@pytest.mark.parametrize(("method", "status"), [("GET", 500), ("POST", 200), ("DELETE", 200)])
async def test_writes_have_one_and_reads_have_none(
    settings: Settings, method: str, status: int
) -> None:
    async def endpoint(_session: Annotated[UnitOfWork, Depends(unit_of_work)]) -> Response:
        return Response()

    async with running(settings) as app, client_of(app) as client:
        app.router.routes.append(Route("/test", endpoint, methods=[method]))
        assert (await client.request(method, "/test")).status_code == status


def code(pattern: str) -> set[str]:
    """The modules in which there is such code."""
    return {
        str(path.relative_to(CODE))
        for path in CODE.rglob("*.py")
        if re.search(pattern, path.read_text())
    }


def test_nobody_else_begins_or_ends_one() -> None:
    says = r"\"(BEGIN|COMMIT|ROLLBACK|SAVEPOINT)\b|\.(commit|rollback|begin|begin_nested)\("
    assert code(says) == {"database/unit_of_work.py"}


def test_nobody_else_knows_what_time_it_is() -> None:
    # A position is no instant: it only has to be later than the one before.
    assert code(r"\bnow\(UTC\)|\.utcnow\(|time_ns\(|\btime\.time\(") == {
        "core/clock.py",
        "core/positions.py",
    }
    assert code(r"uuid_utils|uuid[147]\(") == {"core/clock.py"}
