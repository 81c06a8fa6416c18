"""The database decides conflicts, and repositories know what each one means."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import Text, Uuid, bindparam, update

from app.core.errors import AppError, Conflict
from app.core.schemas import Input, Patch
from app.database.base import table_of
from app.database.repository import Repository, differences
from app.database.statement import Statement
from app.features.users.models import User
from tests.people import Person

users = table_of(User)
_id: Any = bindparam("id", type_=Uuid)
_day: Any = bindparam("week_start", type_=Text)
RENAME = Statement(
    update(users).where(users.c.id == _id).values(week_start=_day).returning(users.c.id)
)


class DayTaken(Conflict):
    """No code of its own: the registry of problems is for real ones."""


class Place(Input):
    town: str
    country: str | None = None


class Move(Patch):
    place: Place | None = None
    floor: int = 0


class Knowing(Repository):
    conflicts = {"ck_users_week_start": DayTaken}


class Unknowing(Repository):
    pass


def subclasses(cls: type[Repository]) -> Iterator[type[Repository]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


async def test_a_violated_constraint_is_what_the_repository_says(app: FastAPI, ada: Person) -> None:
    repository = Knowing(app.state.database.primary)
    with pytest.raises(DayTaken):
        await repository._one(RENAME, id=ada.id, week_start="someday")
    assert await repository._value(RENAME, id=ada.id, week_start="sunday") == ada.id
    assert await repository._value(RENAME, id=uuid4(), week_start="sunday") is None


async def test_one_that_means_nothing_is_left_as_it_is(app: FastAPI, ada: Person) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await Unknowing(app.state.database.primary)._one(RENAME, id=ada.id, week_start="someday")


async def test_each_that_means_something_is_there(database: asyncpg.Connection) -> None:
    there = {
        row["name"]
        for row in await database.fetch(
            "SELECT conname AS name FROM pg_constraint UNION SELECT indexname FROM pg_indexes"
        )
    }
    meant = {name for each in subclasses(Repository) for name in each.conflicts}
    assert {"uq_users_email_key", "pk_todos"} <= meant
    assert meant <= there


def test_each_means_a_problem_that_clients_may_meet() -> None:
    for each in subclasses(Repository):
        if each.__module__.startswith("app."):
            for meaning in each.conflicts.values():
                assert isinstance(meaning(), AppError)
                assert meaning().code


def test_a_default_within_a_field_that_is_sent_is_compared_too() -> None:
    row: Any = {"body": '{"place": {"town": "Ulm", "country": null}, "floor": 1}'}
    assert differences(row, Move.model_validate({"place": {"town": "Ulm"}})) == {}
    moved = Move.model_validate({"place": {"town": "Bonn"}})
    assert differences(row, moved) == {"place": Place(town="Bonn")}
