"""Shapes as a process knows them that has just begun."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.database.shapes import Shapes
from app.features.labels import repository as labels
from app.features.projects import repository as projects
from app.features.todos import repository as todos


@contextmanager
def fresh() -> Iterator[None]:
    """Nothing was asked for before."""
    shapes = Shapes()
    with pytest.MonkeyPatch.context() as patch:
        for repository in (labels, projects, todos):
            patch.setattr(repository, "SHAPES", shapes)
        yield
