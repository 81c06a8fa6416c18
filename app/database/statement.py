"""SQLAlchemy Core statements, compiled once, for the driver."""

from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg, PGDialect_asyncpg
from sqlalchemy.sql import ClauseElement

# The column in which a write says whose view of the data it changed: an array of user ids.
AFFECTED_USERS = "affected_users"
# The column in which it names a project whose answer is for whoever sees that, and not only for who
# may edit there.
SEEN_PROJECT = "seen_project_id"


class _Compiler(PGCompiler_asyncpg):
    """Writes the program's own constants into the SQL; what a client sends is a parameter."""

    def visit_bindparam(self, bindparam: Any, *args: Any, **options: Any) -> Any:
        options["literal_binds"] = options.get("literal_binds", False) or bindparam.unique
        # SQLAlchemy's compilers have no types.
        return super().visit_bindparam(bindparam, *args, **options)  # type: ignore[no-untyped-call]


class _Dialect(PGDialect_asyncpg):
    statement_compiler = _Compiler


class Statement:
    """A Core statement as the driver takes it: its SQL, and the order of its parameters.

    The parameters are the `bindparam`s that have a name; all of them are given at each call.
    It `tells_affected_users` if its rows have that column: the users who see what they changed.
    Only those that are used often are worth preparing (`Shapes` counts the `uses` of many).
    """

    __slots__ = ("_names", "is_prepared", "sql", "tells_affected_users", "tells_seen", "uses")

    def __init__(self, clause: ClauseElement) -> None:
        dialect: Any = _Dialect
        self.is_prepared = True
        self.uses = 0
        compiled: Any = clause.compile(dialect=dialect())
        self.sql = str(compiled)
        columns = getattr(clause, "exported_columns", ())
        self.tells_affected_users = AFFECTED_USERS in columns
        self.tells_seen = SEEN_PROJECT in columns
        self._names: tuple[str, ...] = tuple(compiled.positiontup or ())

    def arguments(self, params: dict[str, Any]) -> list[Any]:
        """The parameters' values, in the driver's order."""
        return [params[name] for name in self._names]
