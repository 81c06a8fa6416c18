"""No input of any operation, refused ones too, holds the event loop for long: all others wait."""

import pytest

from tests.laws.asking import least, lines
from tests.laws.inputs import inputs
from tests.web.callers import Caller
from tests.web.operations import OPERATIONS, Operation

LIMIT_SECONDS = 0.020


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_no_input_holds_the_event_loop(
    caller: Caller, operation: Operation, seed: int
) -> None:
    wrong = []
    for asked in inputs(operation, seed):
        cost = await least(caller, operation, asked, lambda cost: cost.loop / LIMIT_SECONDS)
        if cost.loop > LIMIT_SECONDS:
            wrong.append(f"{cost.loop * 1000:.0f} ms: {asked.name}")
    assert not wrong, lines(wrong)
