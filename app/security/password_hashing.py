"""Password hashes: Argon2id, made and checked in a bounded thread pool.

The one place that knows passlib.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import BoundedSemaphore
from typing import TypeVar

import structlog
from passlib.context import CryptContext

from app.core.errors import Unavailable

_T = TypeVar("_T")

log = structlog.get_logger(__name__)

# Argon2id as OWASP's Password Storage Cheat Sheet has it: 19 MiB, two passes, one lane. Spelled
# out, so that a hash costs what the thread pool is sized for, whatever the libraries' defaults.
_passwords = CryptContext(
    schemes=["argon2"],
    argon2__type="ID",
    argon2__memory_cost=19456,
    argon2__rounds=2,
    argon2__parallelism=1,
)
# passlib refuses longer ones.
_MAX_PASSWORD_LENGTH = 4096
# At 21 ms each, two threads are through with so many in 0.7 s.
_MAX_PASSWORDS_WAITING = 64


class PasswordHashingBusy(Unavailable):
    """Every thread hashes and 64 passwords wait: better to come back than to wait for longer."""

    code = "password_hashing_busy"
    title = "Too many passwords wait to be checked"


class PasswordHasher:
    """Argon2id in at most `threads` threads, each of which takes 19 MiB and some 20 ms a password.

    The event loop never waits for one. Whoever gives up waiting takes nobody's place: a password
    that no thread has begun yet is dropped, one that a thread has begun is finished for nothing.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._places = BoundedSemaphore(threads + _MAX_PASSWORDS_WAITING)
        self._dummy_hash = _passwords.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """The hash to store, with its salt and cost, in the PHC string format.

        Raises `ValueError` for a password that has a NUL, a lone surrogate or over 4,096
        characters, and `PasswordHashingBusy`.
        """
        if not _can_be_hashed(password):
            raise ValueError("a password with a NUL, a lone surrogate or over 4,096 characters")
        return await self._in_thread(partial(_passwords.hash, password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether `password_hash` was made from `password`; `None` stands for an unknown account.

        Every "no" costs what a wrong password costs, so that time does not tell which accounts
        there are. Raises nothing but `PasswordHashingBusy`.
        """
        return await self._in_thread(partial(self._verify, password, password_hash))

    def close(self) -> None:
        """Drop what waits and end the threads, after what they are at: some 20 ms at most."""
        self._pool.shutdown(cancel_futures=True)

    def _verify(self, password: str, password_hash: str | None) -> bool:
        if password_hash is not None and _can_be_hashed(password):
            try:
                return _passwords.verify(password, password_hash)
            except Exception as error:  # noqa: BLE001 - passlib's and argon2's are many
                # The database's fault, not the caller's. Neither hash nor message is logged: the
                # message quotes the hash.
                log.error("password_hash_corrupt", error=type(error).__name__)
        _passwords.verify("", self._dummy_hash)
        return False

    async def _in_thread(self, function: Callable[[], _T]) -> _T:
        if not self._places.acquire(blocking=False):
            raise PasswordHashingBusy
        try:
            job = self._pool.submit(function)
        except RuntimeError:
            self._places.release()
            raise
        # In whichever thread ends or cancels the job, not in the task, which may be gone by then.
        job.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(job)


def _can_be_hashed(password: str) -> bool:
    if len(password) > _MAX_PASSWORD_LENGTH or "\0" in password:
        return False
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True
