"""Where a project or a todo is moved to."""

from typing import Literal
from uuid import UUID

from app.core.schemas import Flag, Input, absent_or
from app.features.projects.errors import PlaceAmbiguous

Side = Literal["before", "after", "first", "last"]
_SIDES: tuple[Side, ...] = ("before", "after", "first", "last")


class Place(Input):
    """Where something goes among its siblings: exactly one of these."""

    before: UUID = absent_or(description="Right before this one, wherever that is.")
    after: UUID = absent_or(description="Right after this one, wherever that is.")
    first: Flag = absent_or(description="`true`: before all others.")
    last: Flag = absent_or(description="`true`: after all others.")

    @property
    def side(self) -> Side:
        """The one that was sent. Raises `PlaceAmbiguous`."""
        sent = [side for side in _SIDES if side in self.model_fields_set]
        if len(sent) != 1 or getattr(self, sent[0]) is False:
            raise PlaceAmbiguous(sent)
        return sent[0]

    @property
    def sibling(self) -> UUID | None:
        """The one before or after which it goes."""
        return getattr(self, self.side) if self.side in ("before", "after") else None
