"""How asyncpg reads a URL: its own reading is nowhere public."""

from typing import Any

from asyncpg import connect_utils

from app.core import urls


def read(url: str) -> tuple[list[Any], Any]:
    """The addresses, and who would connect how, as the driver understands what it is given."""
    names = (
        "dsn host port user password passfile database ssl service servicefile direct_tls "
        "server_settings target_session_attrs krbsrvname gsslib"
    )
    given: Any = dict.fromkeys(names.split()) | urls.postgres(url).arguments
    addresses, parameters = connect_utils._parse_connect_dsn_and_args(**given)  # type: ignore[attr-defined]
    return addresses, parameters
