"""What a request carries on its way, from the middleware around all to the statement it runs."""

from dataclasses import dataclass

from starlette.types import Scope

from app.database.unit_of_work import UnitOfWork
from app.redis.response_cache import Slot
from app.security.principal import Principal
from app.web.body_buffering import Body
from app.web.preconditions import NO_PRECONDITIONS, Preconditions
from app.web.response_headers import Header


@dataclass(slots=True)
class RequestState:
    """One request, as it is known so far.

    `headers` are those of every answer to it. `cache_slot` is where the answer is kept, if the
    cache is to have it; `unit_of_work` is that of a write.
    """

    request_id: str
    headers: list[Header]
    body: Body
    principal: Principal | None = None
    preconditions: Preconditions = NO_PRECONDITIONS
    cache_slot: Slot | None = None
    unit_of_work: UnitOfWork | None = None


def request_state(scope: Scope) -> RequestState:
    """The state of the request that has this scope."""
    state: RequestState = scope["state"]["request"]
    return state
