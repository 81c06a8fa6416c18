"""What is measured: the requests, and what each may cost at most."""

from dataclasses import dataclass
from typing import Literal

Sender = Literal["reader", "writer", "labeller", "repeater"]


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request. `{id}` stands for a todo, another each time; `{n}` for a number."""

    name: str
    path: str
    method: str = "GET"
    body: str = ""
    sender: Sender = "reader"  # whose todos it is about, too
    cached: bool = False
    target: float | None = None  # app CPU, as a multiple of the floor's


HELLO = Case("hello", "/livez")
LIST = Case("list of 20", "/v1/todos?limit=20", target=2.4)
CACHED_LIST = Case("cached list of 20", "/v1/todos?limit=20", cached=True, target=3.2)
READ = Case("read one", "/v1/todos/{id}", target=2.6)
CREATE = Case(
    "create",
    "/v1/todos",
    method="POST",
    body='{"title":"Book the train {n}","priority":"high","due":{"date":"2026-11-30"}}',
    sender="writer",
    target=3.2,
)
# The number makes that each of them changes something, and the todo that it waits for no other.
PATCH = Case(
    "patch",
    "/v1/todos/{id}",
    method="PATCH",
    body='{"title":"Book the train {n}"}',
    sender="writer",
    target=3.2,
)

LABELLED_LIST = Case(
    "list of 20 by label", "/v1/todos?limit=20&label=errands", sender="labeller", target=2.5
)
CACHED_TODAY = Case(
    "cached today", "/v1/views/today?limit=20", sender="labeller", cached=True, target=3.2
)
CREATE_LABELLED = Case(
    "create with labels",
    "/v1/todos",
    method="POST",
    body='{"title":"Book the train {n}","priority":"high","labels":["Errands","Home"]}',
    sender="writer",
    target=4.0,
)
COMPLETE = Case(
    "complete what repeats",
    "/v1/todos/{id}",
    method="PATCH",
    body='{"completed":true}',
    sender="repeater",
    target=4.5,
)
MOVE = Case(
    "move",
    "/v1/todos/{id}/move",
    method="POST",
    body='{"first":true}',
    sender="writer",
    target=4.5,
)

# Those that a version before knows, and all.
OLD_CASES = (HELLO, LIST, CACHED_LIST, READ, CREATE, PATCH)
CASES = (*OLD_CASES, LABELLED_LIST, CACHED_TODAY, CREATE_LABELLED, COMPLETE, MOVE)
