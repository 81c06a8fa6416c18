"""Types of settings that check their value; no error repeats a URL or a secret."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, IPvAnyNetwork, SecretStr
from pydantic_settings import NoDecode

from app.core import urls
from app.core.addresses import address_of

SECRET_KEY_LENGTH = 32
# As browsers send it (RFC 6454): in lower case, and nothing after the port.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._:\[\]-]+")


def _is_strong(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if len(text) < SECRET_KEY_LENGTH or len(set(text)) < SECRET_KEY_LENGTH // 3:
        raise ValueError(
            f"is weak: use at least {SECRET_KEY_LENGTH} random characters, "
            "such as those of `openssl rand -base64 48`"
        )
    return secret


def _readable_by(read: Callable[[str], object]) -> AfterValidator:
    def check(url: SecretStr) -> SecretStr:
        read(url.get_secret_value())
        return url

    return AfterValidator(check)


def _split(listed: Any) -> Any:
    if isinstance(listed, str):
        return [item.strip() for item in listed.split(",") if item.strip()]
    return listed


def _not_all(network: IPvAnyNetwork) -> IPvAnyNetwork:
    if network.prefixlen == 0:
        raise ValueError("holds all addresses: if all are believed, anybody is whoever they say")
    return network


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError(
            f"holds {text!r}, which no browser calls an origin: list each as it is sent, such as "
            "https://app.example or http://localhost:3000, without a slash at the end"
        )
    return text


def _unmapped(text: str) -> str:
    """The address of an IPv4 peer as it is compared: not in IPv6's form (RFC 4291, 2.5.5.2)."""
    return str(address_of(text) or text)


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Proxies = Annotated[
    tuple[Annotated[IPvAnyNetwork, BeforeValidator(_unmapped), AfterValidator(_not_all)], ...],
    NoDecode,
    BeforeValidator(_split),
]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_split)
]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(str.lower)]
PostgresUrl = Annotated[SecretStr, _readable_by(urls.postgres)]
RedisUrl = Annotated[SecretStr, _readable_by(urls.redis)]
StrongSecret = Annotated[SecretStr, AfterValidator(_is_strong)]
