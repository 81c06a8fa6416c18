"""What settings may hold: types that check what they are given, and say what is wrong with it.

No error repeats a URL or a secret.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from app.core import urls
from app.core.addresses import Network, network_of
from app.core.origins import origin

SECRET_KEY_LENGTH = 32


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
    urls.check_redis(text)
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


Proxies = Annotated[
    tuple[Annotated[Network, BeforeValidator(_proxy)], ...], NoDecode, BeforeValidator(_split)
]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(origin)], ...], NoDecode, BeforeValidator(_split)
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    # Other programs write it in capitals.
    BeforeValidator(lambda level: level.lower() if isinstance(level, str) else level),
]
PostgresUrl = Annotated[SecretStr, AfterValidator(_is_postgres)]
RedisUrl = Annotated[SecretStr, AfterValidator(_is_redis)]
StrongSecret = Annotated[SecretStr, AfterValidator(_is_strong)]
