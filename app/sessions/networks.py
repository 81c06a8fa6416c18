"""Networks: of an address, as much as belongs to one customer of a provider."""

from ipaddress import IPv4Address, ip_address, ip_network

_IPV6_PREFIX = 64


def network_of(address: str) -> str | None:
    """An IPv4 address itself, the /64 of an IPv6 one; None for what is no address."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ip_network((ip, _IPV6_PREFIX), strict=False))
