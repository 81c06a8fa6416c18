"""What the kernel holds of a connection."""

import fcntl
import socket
import struct
import termios
from asyncio import Transport
from contextlib import suppress

# Of Linux' `struct tcp_info`; older kernels and other systems give less of it, or nothing.
_BYTES_ACKED = struct.Struct("120xQ")
_AT_ONCE = struct.pack("ii", 1, 0)


def unsent(transport: Transport) -> int:
    """How many bytes the kernel holds that have not arrived; it has some while the loop does."""
    connection = transport.get_extra_info("socket").fileno()
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))
    except (OSError, ValueError):
        return 0  # not every system knows it of sockets, and closed ones hold nothing
    return int(count)


def arrived(transport: Transport) -> tuple[int, int]:
    """How many bytes have arrived since the connection was made, and how many are still to.

    Both are 0 where the system does not tell, as Linux does.
    """
    connection = transport.get_extra_info("socket")
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
        (count,) = _BYTES_ACKED.unpack(info)
    except (AttributeError, OSError, struct.error):
        return 0, 0
    return count, unsent(transport) if count else 0


def reset(transport: Transport) -> None:
    """End the connection; the kernel too drops what has not arrived."""
    with suppress(OSError):  # closed already
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
