"""What every answer carries, whoever gives it: the request's id, and what browsers are told."""

import re

from starlette.types import Scope

from app.core import browser
from app.core.clock import new_id_text
from app.core.cors import Cors
from app.core.redaction import redact

_SANE_ID = re.compile(rb"[A-Za-z0-9._~+/=-]{1,128}")
_UUID_LENGTH = 36


class Envelope:
    """Makes those headers; with `cors`, for pages of other origins too."""

    def __init__(self, cors: Cors | None = None) -> None:
        self._cors = cors

    def headers(self, scope: Scope, request_id: bytes) -> list[browser.Header]:
        """What the answer to this request carries."""
        headers = [(b"x-request-id", request_id), *browser.headers(scope)]
        if self._cors is not None:
            headers += self._cors.headers(scope)
        return headers


def request_id_of(scope: Scope) -> bytes:
    """The caller's, if it sent a sane one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value) and not _is_secret(value):
            return bytes(value)
    return new_id_text().encode()


def _is_secret(value: bytes) -> bool:
    """Whether it looks like a token; a request's id is logged."""
    text = value.decode()
    return len(text) > _UUID_LENGTH and redact(text) != text
