"""Where an operation names one row or a page, no input holds a connection for much longer than
others do: what one user asks takes none from the rest.
"""

from statistics import median

import pytest

from tests.laws.asking import ask, least, lines
from tests.laws.inputs import inputs
from tests.laws.test_many_rows import MANY_ROWS
from tests.web.callers import Caller
from tests.web.operations import OPERATIONS, Operation

TIMES = 20
# A statement's way to PostgreSQL and back, on a machine that others use too.
LEAST_SECONDS = 0.001
# Each word of a description is an entry of the index by which it is found: 50,000 characters of Han
# are as many words, and a search finds every one of them (docs/decisions/search.md).
WORDS_SECONDS = 0.2


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.id not in MANY_ROWS], ids=str
)
async def test_no_input_holds_a_connection(caller: Caller, operation: Operation, seed: int) -> None:
    held = []
    for asked in inputs(operation, seed):
        cost = await ask(caller, operation, asked)
        if cost.leases:
            held.append((cost.connection, asked))
    usual = median([seconds for seconds, _ in held] or [0])
    limit = TIMES * max(usual, LEAST_SECONDS)
    wrong = []
    for asked in (asked for seconds, asked in held if seconds > limit):
        cost = await least(caller, operation, asked, lambda cost: cost.connection / limit)
        if cost.connection > (WORDS_SECONDS if "as description" in asked.name else limit):
            wrong.append(f"{cost.connection * 1000:.0f} ms: {asked.name}")
    assert not wrong, lines([f"usual are {usual * 1000:.1f} ms", *wrong])
