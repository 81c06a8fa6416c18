"""Addresses of clients and proxies: one form for each, however it was written."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAPPED_PREFIX = 96


def address_of(text: str) -> Address | None:
    """The address, None for what is none.

    A zone (`%eth0`) is left out: it says where here, not who. One of IPv4 in IPv6 (`::ffff:…`),
    as a socket for both gives them, is that of IPv4.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def network_of(text: str) -> Network:
    """A network, or an address as one, as `address_of` writes it. Raises `ValueError`."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_PREFIX:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED_PREFIX))
    return network
