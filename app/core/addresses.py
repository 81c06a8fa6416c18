"""IP addresses of clients and proxies."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def address_of(text: str) -> Address | None:
    """Parse an address; None for other text.

    A zone (`%eth0`) is left out. An IPv4 address in IPv6 (`::ffff:…`), as a socket for both has
    it, becomes the IPv4 address.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
