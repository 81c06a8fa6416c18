"""A principal whose token is limited to one project finds the trash of that, and no other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import orjson
import pytest
from fastapi import FastAPI

from app.core.clock import new_id, utc_now
from app.core.context import Context, Expected
from app.core.errors import NotFound
from app.features.projects.permissions import seen_by
from app.features.routes import SCOPES
from app.features.trash.purger import Purger
from app.features.trash.repository import TrashRepository
from app.features.trash.schemas import TrashQuery
from app.features.trash.service import TrashService
from app.security.principal import Principal
from tests.features.trash.trashing import trash, trashed
from tests.people import Person


@asynccontextmanager
async def limited_to(app: FastAPI, person: Person, project_id: str) -> AsyncIterator[TrashService]:
    """The trash in one unit of work."""
    principal = Principal(person.id, new_id(), frozenset(SCOPES), UUID(project_id))
    async with app.state.database.unit_of_work() as session:
        yield TrashService(
            TrashRepository(session, seen_by(principal)),
            Purger(session),
            principal,
            Context("a-request", utc_now),
            app.state.cursor_signer,
            100,
            100,
            timedelta(days=30),
        )


async def test_what_is_elsewhere_is_not_found(app: FastAPI, ada: Person) -> None:
    garden, house = await ada.make_project(), await ada.make_project()
    inside = await ada.make_todo(project_id=garden["id"])
    outside = await ada.make_todo()
    await trash(ada, inside, outside, house)
    async with limited_to(app, ada, garden["id"]) as service:
        page = await service.list(TrashQuery())
        assert [orjson.loads(item)["id"] for item in page.items] == [inside["id"]]
        with pytest.raises(NotFound):
            await service.restore_todo(UUID(outside["id"]), Expected())
    for row in (outside, house):
        async with limited_to(app, ada, garden["id"]) as service:
            with pytest.raises(NotFound):
                await service.purge(UUID(row["id"]))
    async with limited_to(app, ada, garden["id"]) as service:
        with pytest.raises(NotFound):
            await service.restore_project(UUID(house["id"]), Expected())
    async with limited_to(app, ada, garden["id"]) as service:
        await service.restore_todo(UUID(inside["id"]), Expected())
        await service.purge_all()
    await ada.invalidate()
    assert await trashed(ada) == [house["id"], outside["id"]]


async def test_it_takes_nothing_out_of_its_project(app: FastAPI, ada: Person) -> None:
    garden = await ada.make_project()
    todo = await ada.make_todo(project_id=garden["id"])
    await trash(ada, todo, garden)
    async with limited_to(app, ada, garden["id"]) as service:
        page = await service.list(TrashQuery())
        assert [orjson.loads(item)["id"] for item in page.items] == [garden["id"]]
        with pytest.raises(NotFound):
            await service.restore_todo(UUID(todo["id"]), Expected())
