"""The network of a client: the part of its address that identifies one customer."""

from ipaddress import IPv4Address, ip_network

from app.core.addresses import address_of

_IPV6_PREFIX = 64


def network_of(address: str) -> str | None:
    """An IPv4 address itself, the /64 of an IPv6 address; None for anything else."""
    ip = address_of(address)
    if ip is None:
        return None
    if isinstance(ip, IPv4Address):
        return str(ip)
    return str(ip_network((ip, _IPV6_PREFIX), strict=False))
