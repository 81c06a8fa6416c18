"""An operation's inputs, sent; and again where that seems dear, since what is dear stays dear."""

from collections.abc import Callable

from tests.laws.inputs import Input
from tests.laws.measure import Cost, cost_of
from tests.web.callers import Caller
from tests.web.operations import Operation

# A machine that others use too is slow now and then, but not each time.
_TRIES = 6
# So many times what is allowed is no accident of the machine's.
_SURE = 3


async def ask(caller: Caller, operation: Operation, asked: Input) -> Cost:
    """What it costs; a page is not the cache's."""
    await caller.person.invalidate()
    response = await caller.send(
        operation,
        path=asked.path,
        query=asked.query,
        headers=asked.headers,
        body=asked.body_for(caller, operation),
    )
    assert response.status_code < 500, f"{asked.name}: {response.text}"
    return cost_of(response)


async def least(
    caller: Caller, operation: Operation, asked: Input, share: Callable[[Cost], float]
) -> Cost:
    """The first cost whose share of what is allowed is at most 1, or the least of several."""
    costs: list[Cost] = []
    for _ in range(_TRIES):
        costs.append(await ask(caller, operation, asked))
        least = min(map(share, costs))
        if least <= 1 or (len(costs) > 1 and least > _SURE):
            break
    return min(costs, key=share)


def lines(found: list[str]) -> str:
    return "\n".join(["", *found])
