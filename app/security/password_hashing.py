"""Password hashes: Argon2id, made and checked in a bounded thread pool.

The one module that knows passlib.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from passlib.context import CryptContext
from passlib.exc import PasswordSizeError

from app.core.errors import Unavailable

_T = TypeVar("_T")

# Argon2id as OWASP's Password Storage Cheat Sheet has it: 19 MiB, two passes, one lane.
_passwords = CryptContext(
    schemes=["argon2"],
    argon2__type="ID",
    argon2__memory_cost=19456,
    argon2__rounds=2,
    argon2__parallelism=1,
)
# At 21 ms each, two threads finish these in 0.7 s.
_MAX_PASSWORDS_WAITING = 64


class PasswordHashingBusy(Unavailable):
    """All threads are busy, and 64 passwords wait."""

    code = "password_hashing_busy"
    title = "Too many passwords wait to be checked"


class PasswordHasher:
    """Argon2id in at most `threads` threads; each password takes 19 MiB and some 20 ms.

    If the caller is cancelled, a password that waits is dropped.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._free = threads + _MAX_PASSWORDS_WAITING
        self._dummy_hash = _passwords.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """The hash to store, with its salt and cost, in the PHC string format.

        Raises `ValueError` for a password that has a lone surrogate or over 4,096 characters, and
        `PasswordHashingBusy`.
        """
        return await self._in_thread(_passwords.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether `password_hash` was made from `password`; `None` stands for an unknown account.

        Takes as long for an unknown account as for a wrong password, so that time does not tell
        which accounts exist. Raises `PasswordHashingBusy`.
        """
        return await self._in_thread(self._verify, password, password_hash)

    def close(self) -> None:
        """Drop what waits, and wait for the threads to finish: some 20 ms."""
        self._pool.shutdown(cancel_futures=True)

    def _verify(self, password: str, password_hash: str | None) -> bool:
        if password_hash is not None:
            try:
                return _passwords.verify(password, password_hash)
            except (PasswordSizeError, UnicodeEncodeError):
                pass  # `hash` refuses these passwords, so it is a wrong one.
        _passwords.verify("", self._dummy_hash)
        return False

    async def _in_thread(self, function: Callable[..., _T], *arguments: str | None) -> _T:
        if not self._free:
            raise PasswordHashingBusy
        self._free -= 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, function, *arguments)
        finally:
            self._free += 1
