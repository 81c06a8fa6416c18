"""The settings: what is wrong with them, and what is set and never read."""

from difflib import get_close_matches

from app.core.command import variable
from app.core.config import Settings
from app.core.doctor.case import Case
from app.core.doctor.finding import Findings, failed, ok, warning

_PREFIX = "TICKBOX_"
# The tests' own servers.
_OTHERS = "TICKBOX_TEST_"
_MAX_NAME_LENGTH = 64
# What platforms set by themselves.
_PLATFORM = {"DATABASE_URL": "database_url", "REDIS_URL": "redis_url"}


async def check_settings(case: Case) -> Findings:
    """All that `tickbox serve` would refuse, and typing errors, which it cannot know."""
    known = [variable(name) for name in Settings.model_fields]
    names = sorted(name for name in case.environment if name.upper().startswith(_PREFIX))
    unknown = [name for name in names if name.upper() not in known]
    unknown = [name for name in unknown if not name.upper().startswith(_OTHERS)]
    for problem in case.problems:
        yield failed(problem)
    for name in unknown:
        yield warning(f"{name[:_MAX_NAME_LENGTH]} is no setting, and is not read: {_advice(name)}")
    for name, setting in _PLATFORM.items():
        if case.environment.get(name) and case.is_embedded:
            yield warning(
                f"{name} is set, and is not read: set {variable(setting)}, or the data stays in "
                f"{case.settings.data_dir.resolve()}"
            )
    if not case.is_embedded and not case.settings.issuer_is_url:
        yield warning(
            "the metadata at /.well-known/oauth-authorization-server name whatever Host a request "
            f"names: set {variable('issuer')} to the service's URL"
        )
    if not case.problems and not unknown:
        count = len(names)
        yield ok(f"{count} set, the others have their defaults" if count else "all have defaults")


def _advice(name: str) -> str:
    # Without the prefix, which is like any other's.
    meant = get_close_matches(name[len(_PREFIX) :].lower(), Settings.model_fields, n=1)
    return f"{variable(meant[0])} may be meant" if meant else "`tickbox settings` lists them all"
