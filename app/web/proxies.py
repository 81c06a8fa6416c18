"""Behind proxies: who the client is, and how it came, as those say that are believed.

uvicorn's middleware for it is not used: docs/decisions/proxies.md says why.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.addresses import Address, Network, address_of

_SCHEMES = frozenset({"http", "https"})


class ProxyMiddleware:
    """Replaces the proxy's address and scheme by the client's, if the proxy is a trusted one.

    A trusted proxy appends to `X-Forwarded-For` the address that it was connected from. Read from
    the right, what stands there is true as long as trusted proxies have written it: the client is
    the first that is none of them. All that is further left, whoever was not trusted said itself.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope.get("client") is not None:
            peer = address_of(scope["client"][0])
            if peer is not None and self._trusts(peer):
                scope = {**scope, **self._forwarded(scope, peer)}
        await self._app(scope, receive, send)

    def _forwarded(self, scope: Scope, peer: Address) -> Scope:
        addresses = _listed(scope, b"x-forwarded-for")
        schemes = _listed(scope, b"x-forwarded-proto")
        client, hops = peer, 0
        while hops < len(addresses) and self._trusts(client):
            address = _without_port(addresses[-1 - hops])
            if address is None:
                break  # Nothing is known beyond: it is as if the last one known had asked.
            client = address
            hops += 1
        forwarded: Scope = {}
        if hops:
            forwarded["client"] = (str(client), 0)
        if schemes:
            # Most proxies pass on one for all; where each has appended its own, the one of the
            # proxy that the client came to.
            scheme = schemes[-min(hops or 1, len(schemes))].lower()
            if scheme in _SCHEMES:
                forwarded["scheme"] = scheme
        return forwarded

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _listed(scope: Scope, header: bytes) -> list[str]:
    """The items of a header; given several times, it is one list (RFC 9110, section 5.3)."""
    values = [value for name, value in scope["headers"] if name == header]
    if not values:
        return []
    # Empty ones are kept: a proxy that says nothing of whom it serves ends what is known.
    return [item.strip() for item in b",".join(values).decode("latin-1").split(",")]


def _without_port(text: str) -> Address | None:
    """`192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`."""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return None
        return address_of(host)
    host, _, port = text.partition(":")
    return address_of(text if ":" in port else host)
