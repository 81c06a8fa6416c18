"""Who acts, by which request, and when: what every write leaves in `changes`."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core.clock import Now


@dataclass(frozen=True, slots=True)
class Context:
    """A request, as the services know it."""

    request_id: str
    now: Now

    def by(self, actor_id: UUID) -> dict[str, Any]:
        """The parameters of `changes.record`, for a write at this instant."""
        return {"actor_id": actor_id, "request_id": self.request_id, "now": self.now()}
