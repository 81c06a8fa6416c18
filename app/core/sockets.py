"""What the kernel holds of a connection."""

import fcntl
import select
import struct
import termios
from asyncio import Transport


def has_unread(transport: Transport) -> bool:
    """Whether bytes wait that the event loop has not seen yet."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


def has_unsent(transport: Transport) -> bool:
    """Whether the kernel holds bytes that have not arrived, as it does while the loop has some."""
    connection = transport.get_extra_info("socket").fileno()
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))
    except (OSError, ValueError):
        return False  # not every system knows it of sockets, and closed ones hold nothing
    return bool(count)
