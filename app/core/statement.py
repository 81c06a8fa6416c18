"""SQLAlchemy Core statements, compiled once, for the driver."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg, PGDialect_asyncpg
from sqlalchemy.sql import ClauseElement

# The column in which a write says whose view of the data it changed: an array of user ids.
AUDIENCE = "audience"


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
    It `tells_audience` if its rows have that column: the users who see what they changed.
    """

    __slots__ = ("_names", "sql", "tells_audience")

    def __init__(self, clause: ClauseElement) -> None:
        dialect: Any = _Dialect
        compiled: Any = clause.compile(dialect=dialect())
        self.sql = str(compiled)
        self.tells_audience = AUDIENCE in getattr(clause, "exported_columns", ())
        self._names: tuple[str, ...] = tuple(compiled.positiontup or ())

    def arguments(self, params: dict[str, Any]) -> list[Any]:
        """The parameters' values, in the driver's order."""
        return [params[name] for name in self._names]


_MAX_KNOWN = 2048
_known: OrderedDict[tuple[object, ...], Statement] = OrderedDict()
# One is enough, and leaves the event loop its share of the interpreter.
_compiling = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compile")


async def when_compiled(
    build: Callable[..., Statement], *arguments: object, **options: object
) -> Statement:
    """The statement that `build` makes of these, remembered.

    For statements of many shapes: one takes up to 20 ms to compile, in a thread, so that others do
    not wait for whoever is the first to ask for it.
    """
    key = (build, arguments, *options.items())
    statement = _known.get(key)
    if statement is None:
        loop = asyncio.get_running_loop()
        call = partial(build, *arguments, **options)
        statement = await loop.run_in_executor(_compiling, call)
        _known[key] = statement
        if len(_known) > _MAX_KNOWN:
            _known.popitem(last=False)
    else:
        _known.move_to_end(key)
    return statement
