"""Shapes as a process knows them that has just begun."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.database.shapes import Shapes
from app.features.projects import repository as projects
from app.features.todos import repository as todos
from app.features.users import repository as users


@contextmanager
def fresh() -> Iterator[None]:
    """Nothing was asked for before."""
    shapes = Shapes()
    with pytest.MonkeyPatch.context() as patch:
        for repository in (projects, todos, users):
            patch.setattr(repository, "SHAPES", shapes)
        yield
