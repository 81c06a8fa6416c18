"""Origins, as browsers call them (RFC 6454): whose pages may call the API."""

import re

# As browsers write it: nothing after the port, the port only if it is not the scheme's own.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
_NOT_WRITTEN = re.compile(r"http://.*:80|https://.*:443")


def origin(text: str) -> str:
    """The same text. Raises `ValueError` for what no browser sends."""
    if not _ORIGIN.fullmatch(text) or _NOT_WRITTEN.fullmatch(text):
        raise ValueError(
            f"holds {text!r}, which no browser calls an origin: list each as it is sent, such as "
            "https://app.example or http://localhost:3000, without a slash at the end"
        )
    return text
