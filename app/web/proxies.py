"""The client's address and scheme, as trusted proxies report them.

`docs/decisions/proxies.md` says why this is not uvicorn's middleware.
"""

import re
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.addresses import Address, Network, address_of

_WITH_PORT = re.compile(r"\[(.*)\](?::\d+)?|([^:]*):\d+")


class ProxyMiddleware:
    """Replaces a trusted proxy's address and scheme by those of its client.

    A trusted proxy appends the address that connected to it to `X-Forwarded-For`. Read from the
    right, the entries are true as long as trusted proxies wrote them: the client is the first one
    that is no trusted proxy. What is further left, the client may have made up.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its client's address and scheme."""
        if scope["type"] == "http" and scope.get("client") is not None:
            peer = address_of(scope["client"][0])
            if peer is not None and self._trusts(peer):
                scope = {**scope, **self._forwarded(scope, peer)}
        await self._app(scope, receive, send)

    def _forwarded(self, scope: Scope, peer: Address) -> Scope:
        forwarded: Scope = {}
        client, hops = peer, 0
        for entry in reversed(_entries(scope, b"x-forwarded-for")):
            address = _address(entry)
            if address is None or not self._trusts(client):
                break
            client, hops = address, hops + 1
        if hops:
            forwarded["client"] = (str(client), 0)
        schemes = _entries(scope, b"x-forwarded-proto")
        if schemes:
            # Most proxies keep one entry; where each appends its own, the first trusted one's.
            scheme = schemes[-min(hops or 1, len(schemes))].lower()
            if scheme in ("http", "https"):
                forwarded["scheme"] = scheme
        return forwarded

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _entries(scope: Scope, header: bytes) -> list[str]:
    """The entries of a header; sent several times, it is one list (RFC 9110, section 5.3)."""
    values = [value for name, value in scope["headers"] if name == header]
    text = b",".join(values).decode("latin-1")
    return [entry.strip() for entry in text.split(",")] if values else []


def _address(entry: str) -> Address | None:
    """`192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`."""
    match = _WITH_PORT.fullmatch(entry)
    return address_of((match[1] or match[2]) if match else entry)
