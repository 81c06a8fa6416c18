"""What settings may hold: types that check what they are given, and say what is wrong with it.

No error repeats a URL or a secret.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from app.core import urls
from app.core.addresses import Network, network_of

SECRET_KEY_LENGTH = 32
# As RFC 9110, section 5.1, has them, but for what no header is called; `*` would not be a name.
_HEADER_NAME = re.compile(r"[A-Za-z0-9_-]+")
# As browsers write it (RFC 6454): nothing after the port, the port only if it is not the scheme's.
_ORIGIN = re.compile(
    r"(?!http://.*:80$|https://.*:443$)"
    r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?"
)


def _is_strong(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if len(text) < SECRET_KEY_LENGTH or len(set(text)) < SECRET_KEY_LENGTH // 3:
        raise ValueError(
            f"is weak: use at least {SECRET_KEY_LENGTH} random characters, "
            "such as those of `openssl rand -base64 48`"
        )
    return secret


def _is_postgres(url: SecretStr) -> SecretStr:
    urls.postgres(url.get_secret_value())
    return url


def _is_redis(url: SecretStr) -> SecretStr:
    # Files end in a line break.
    text = url.get_secret_value().strip()
    urls.redis(text)
    return SecretStr(text)


def _split(listed: Any) -> Any:
    """Variables list things with commas between them."""
    if isinstance(listed, str):
        return [item.strip() for item in listed.split(",") if item.strip()]
    return listed


def _proxy(text: Any) -> Network:
    try:
        network = network_of(text)
    except ValueError:
        raise ValueError(
            f"holds {str(text)!r}: give addresses and networks, such as 10.0.0.7 and 10.0.0.0/8"
        ) from None
    if network.prefixlen == 0:
        raise ValueError(f"holds {str(text)!r}: if all are believed, anybody is whoever they say")
    return network


def _header_name(text: str) -> str:
    if not _HEADER_NAME.fullmatch(text):
        raise ValueError(f"holds {text!r}: give names of headers, such as traceparent and X-Trace")
    return text


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError(
            f"holds {text!r}, which no browser calls an origin: list each as it is sent, such as "
            "https://app.example or http://localhost:3000, without a slash at the end"
        )
    return text


Proxies = Annotated[
    tuple[Annotated[Network, BeforeValidator(_proxy)], ...], NoDecode, BeforeValidator(_split)
]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_split)
]
HeaderNames = Annotated[
    tuple[Annotated[str, AfterValidator(_header_name)], ...], NoDecode, BeforeValidator(_split)
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    # Other programs write it in capitals.
    BeforeValidator(lambda level: level.lower() if isinstance(level, str) else level),
]
PostgresUrl = Annotated[SecretStr, AfterValidator(_is_postgres)]
RedisUrl = Annotated[SecretStr, AfterValidator(_is_redis)]
StrongSecret = Annotated[SecretStr, AfterValidator(_is_strong)]
