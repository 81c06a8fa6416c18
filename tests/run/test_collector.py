"""The garbage collector: spared what stays, and still there for what does not."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from app.server.process import YOUNG_OBJECTS, spare_collector


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_what_is_there_at_the_start_is_not_looked_at_again() -> None:
    kept = _Cycle()
    assert any(known is kept for known in gc.get_objects())

    spare_collector()

    assert not any(known is kept for known in gc.get_objects())


def test_cycles_that_come_later_go_by_themselves() -> None:
    spare_collector()
    gone = weakref.ref(_Cycle())

    held: list[list[int]] = [[] for _ in range(YOUNG_OBJECTS + 1)]

    assert held
    assert gone() is None
