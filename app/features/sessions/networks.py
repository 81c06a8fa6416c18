"""Networks: of an address, as much as belongs to one customer of a provider."""

from ipaddress import IPv4Address, ip_network

from app.core.addresses import address_of

_IPV6_PREFIX = 64


def network_of(address: str) -> str | None:
    """An IPv4 address itself, the /64 of an IPv6 one; None for what is no address."""
    ip = address_of(address)
    if ip is None:
        return None
    if isinstance(ip, IPv4Address):
        return str(ip)
    return str(ip_network((ip, _IPV6_PREFIX), strict=False))
