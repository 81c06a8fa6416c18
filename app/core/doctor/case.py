"""What is examined: the settings, as far as they can be read, and the servers once reached."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import SecretStr, ValidationError, create_model
from pydantic_settings import BaseSettings

from app.core.clock import utc_now
from app.core.command import sentences, variable
from app.core.config import Settings
from app.core.embedded import shared
from app.core.processes import StartError


class _Bare(BaseSettings):
    model_config = Settings.model_config


_fields: Any = {name: (info.annotation, info) for name, info in Settings.model_fields.items()}
# Each setting by itself: those that go together may not, and the others are still of use.
_Each = create_model("_Each", __base__=_Bare, **_fields)


@dataclass
class Case:
    """One examination. `problems` are what is wrong with the settings, `broken` which of them are.

    `tables` are those that the service has. `is_embedded` is whether neither server is given, not
    even by a URL that is wrong; `servers_fail` says why the embedded ones do not start.
    """

    settings: Settings
    environment: Mapping[str, str]
    problems: list[str]
    broken: frozenset[str]
    tables: frozenset[str]
    is_embedded: bool
    now: Callable[[], datetime] = utc_now
    servers_fail: str = ""
    reached: AsyncExitStack = field(default_factory=AsyncExitStack)
    # A connection to PostgreSQL and one to Redis, once their checks have made them.
    database: Any = None
    redis: Any = None

    def url(self, name: str) -> tuple[str, str]:
        """A URL among the settings, or else nothing and why that is so, if something is wrong."""
        value: SecretStr | None = getattr(self.settings, name)
        if value is not None:
            return value.get_secret_value(), ""
        if not self.is_embedded:
            return "", self.why_not(name)
        return "", "the embedded servers do not start" if self.servers_fail else ""

    def why_not(self, name: str) -> str:
        """What is wrong with a setting without which something cannot be looked at."""
        return f"{variable(name)} is not {'valid' if name in self.broken else 'set'}"


def read(environment: Mapping[str, str], tables: frozenset[str]) -> Case:
    """The case that this process's environment makes."""
    problems: list[str] = []
    broken: dict[str, Any] = {}
    try:
        settings = Settings()
    except ValidationError as error:
        problems += sentences(error)
        names = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        broken = {name: Settings.model_fields[name].default for name in names}
        each = _Each(**broken)
        settings = Settings.model_construct(
            **{name: getattr(each, name) for name in each.model_fields_set}
        )
        if broken:
            # Now that these are out of the way, what goes together is looked at.
            try:
                Settings(**broken)
            except ValidationError as together:
                of_broken = tuple(map(variable, broken))
                problems += [
                    problem
                    for problem in sentences(together)
                    if not any(name in problem for name in of_broken)
                ]
    urls = ("database_url", "redis_url")
    given = [name for name in urls if name in broken or getattr(settings, name) is not None]
    return Case(settings, environment, problems, frozenset(broken), tables, not given)


@contextmanager
def embedded_servers(case: Case) -> Iterator[None]:
    """Have the embedded servers, if they are what is used and there is data of theirs.

    Those of a Tickbox that runs will do; else they run for the length of the block.
    """
    with ExitStack() as stack:
        if "data_dir" in case.broken:
            case.servers_fail = case.why_not("data_dir")
        elif case.is_embedded and os.path.exists(case.settings.data_dir / "postgres" / "data"):  # noqa: PTH110 - Path.exists raises where this user may not look
            try:
                case.settings = stack.enter_context(shared(case.settings))
            except StartError as error:
                case.servers_fail = str(error)
        yield
