"""IP addresses of clients and proxies, and the networks that they belong to."""

import ipaddress
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def address_of(text: str) -> Address | None:
    """Parse an address; None for other text.

    A zone (`%eth0`) is left out. An IPv4 address in IPv6 (`::ffff:…`), as a socket for both has
    it, becomes the IPv4 address.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=10_000)
def network_of(text: str) -> str | None:
    """One customer's: an IPv4 address itself, the /64 of an IPv6 address; None for other text."""
    address = address_of(text)
    if isinstance(address, IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return None if address is None else str(address)
