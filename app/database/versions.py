"""The version that a write expects of its row: part of the statement that locks it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Integer, all_, and_, any_, bindparam, or_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement

from app.core.errors import VersionConflict

_one_of: ColumnElement[Any] = bindparam("versions", type_=ARRAY(Integer))
_none_of: ColumnElement[Any] = bindparam("other_versions", type_=ARRAY(Integer))


class Expected(NamedTuple):
    """One of `versions`, if it is not None, and none of `other_versions`."""

    versions: list[int] | None = None
    other_versions: Sequence[int] = ()

    def allows(self, version: int) -> bool:
        """Whether a row may be at this version."""
        is_one = self.versions is None or version in self.versions
        return is_one and version not in self.other_versions

    def check(self, version: int) -> None:
        """Raise `VersionConflict` unless a row may be at this version."""
        if not self.allows(version):
            raise VersionConflict(version)

    def params(self) -> dict[str, Any]:
        """What `is_expected` compares with."""
        return self._asdict()


def is_expected(row: Any) -> ColumnElement[bool]:
    """Whether the row's version is expected by whoever writes it."""
    return and_(
        or_(_one_of.is_(None), row.c.version == any_(_one_of)), row.c.version != all_(_none_of)
    )
