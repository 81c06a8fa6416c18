"""The version that a write expects of its row (`If-Match`)."""

from collections.abc import Sequence
from typing import NamedTuple

from app.core.errors import VersionConflict


class Expected(NamedTuple):
    """One of `versions`, if it is not None, and none of `other_versions`."""

    versions: list[int] | None = None
    other_versions: Sequence[int] = ()

    def check(self, version: int) -> None:
        """Raise `VersionConflict` unless a row may be at this version."""
        is_one = self.versions is None or version in self.versions
        if not is_one or version in self.other_versions:
            raise VersionConflict(version)
