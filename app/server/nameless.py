"""Files without a name: only who is handed the descriptor has them, and they go with the last one.

So nothing of them lies where a sweep of the temporary folder or another user could meet it.
"""

import os
import sys
from contextlib import suppress
from tempfile import TemporaryFile
from typing import BinaryIO


def nameless(content: bytes) -> BinaryIO:
    """One that holds this, to be read from its beginning; of memory, where the system has such.

    Raises `OSError`: elsewhere it is made in the temporary folder.
    """
    file = _make()
    try:
        file.write(content)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _make() -> BinaryIO:
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it
            return os.fdopen(os.memfd_create("tickbox"), "w+b", buffering=0)
    return TemporaryFile(buffering=0)
