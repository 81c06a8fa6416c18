"""Names of time zones, as the IANA database has them."""

import zoneinfo
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

# Not zones but what the machine says of itself.
_NAMES = frozenset(zoneinfo.available_timezones()) - {"localtime", "Factory"}


def _known(name: str) -> str:
    if name not in _NAMES:
        raise PydanticCustomError(
            "unknown_timezone",
            "must be a time zone of the IANA database, such as Europe/Berlin",
        )
    return name


# The pattern is for the document; which names there are, changes with the database.
_PATTERN = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"
TimeZone = Annotated[
    str,
    AfterValidator(_known),
    Field(examples=["Europe/Berlin"], json_schema_extra={"pattern": _PATTERN}),
]
