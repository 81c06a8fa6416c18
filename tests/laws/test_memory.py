"""No input of any operation, refused ones too, takes far more memory than is sent and answered."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest

from tests.laws.asking import ask, least, lines
from tests.laws.inputs import inputs
from tests.laws.measure import Cost, as_written, only_what_stays
from tests.web.callers import Caller
from tests.web.operations import OPERATIONS, Operation

TIMES = 8
MORE = 1 << 20


@pytest.fixture(autouse=True)
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # It reserves twelve times the text, and of that touches 16 bytes for each value in it.
    monkeypatch.setattr(orjson, "loads", only_what_stays(orjson.loads))
    # It reserves eight times the text and keeps that; what it does not write to is never in memory.
    monkeypatch.setattr(orjson, "dumps", only_what_stays(orjson.dumps, as_written))
    tracemalloc.start()
    yield
    tracemalloc.stop()


def share(cost: Cost) -> float:
    return cost.memory / (TIMES * (cost.sent + cost.answered) + MORE)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_no_input_takes_much_memory(caller: Caller, operation: Operation, seed: int) -> None:
    wrong = []
    for asked in inputs(operation, seed):
        cost = await least(caller, operation, asked, share)
        if cost.status == 412 and operation.method == "GET":
            # What it was compared with had to be read, and would have been the answer.
            plain = replace(asked, name="without a precondition", headers=())
            cost.answered += (await ask(caller, operation, plain)).answered
        if share(cost) > 1:
            size = f"{cost.memory / MORE:.1f} MiB for {cost.sent} and {cost.answered} bytes"
            wrong.append(f"{size}: {asked.name}")
    assert not wrong, lines(wrong)
