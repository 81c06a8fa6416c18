"""Whether somebody knows a password, and how often that may be tried in vain.

`docs/decisions/sign-in-limits.md` says why it is counted so.
"""

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from app.core.admission import Counts
from app.core.passwords import PasswordHasher
from app.core.ratelimit import Limit, RateLimited
from app.core.security import hash_opaque_token
from app.sessions.service import SessionReader
from app.users import emails, passwords
from app.users.repository import UserRepository


class Row(Protocol):
    """A row of accounts."""

    def __getitem__(self, name: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Proved:
    """An account whose password somebody knew, and the hash that it had then.

    `known` is what a stranger may know of it too.
    """

    user_id: UUID
    password_hash: str
    known: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One that counts as failed until it is known better: many at once are no way around a limit.

    `counted` are the limits that it counts for, and whose calls these count.
    """

    counts: Counts
    counted: list[tuple[Limit, bytes]]

    def succeeded(self) -> None:
        """It does not count."""
        for limit, caller in self.counted:
            self.counts.give_back(limit, caller)


class Attempts:
    """What the limits say to those who try passwords from one network."""

    def __init__(
        self,
        counts: Counts,
        from_here: Limit,
        from_anywhere: Limit,
        sessions: SessionReader,
        network: str | None,
    ) -> None:
        self._counts = counts
        self._from_here = from_here
        self._from_anywhere = from_anywhere
        self._sessions = sessions
        self._network = network

    async def count_here(self, account: bytes) -> Attempt:
        """Count an attempt from here. Raises `RateLimited`."""
        here = hash_opaque_token(f"{account.hex()} {self._network}")
        await self._counts.take(self._from_here, here)
        return Attempt(self._counts, [(self._from_here, here)])

    async def count_everywhere(
        self, attempt: Attempt, account: bytes, user_id: UUID | None
    ) -> None:
        """Count it as one from anywhere; where the account is used from, it need not.

        Raises `RateLimited`.
        """
        try:
            await self._counts.take(self._from_anywhere, account)
        except RateLimited:
            if not await self._sessions.knows(user_id, self._network):
                raise
        else:
            attempt.counted.append((self._from_anywhere, account))


class PasswordProof:
    """Checks passwords, in one request."""

    def __init__(
        self, repository: UserRepository, hasher: PasswordHasher, attempts: Attempts
    ) -> None:
        self._repository = repository
        self._hasher = hasher
        self._attempts = attempts

    async def by_email(self, email: str, password: str) -> Proved | None:
        """Whose address and password these are; None, as slowly, if nobody's.

        Raises `RateLimited`, `PasswordHashingBusy`.
        """
        key = _key_of(email)
        account = hash_opaque_token(key or email)
        attempt = await self._attempts.count_here(account)
        known = await self._repository.credentials(key) if key is not None else None
        return await self._proved(attempt, account, known, password)

    async def by_id(self, user_id: UUID, password: str) -> Proved | None:
        """The same of an account that somebody is signed in to."""
        known = await self._repository.credentials_of(user_id)
        account = hash_opaque_token(known["email_key"] if known is not None else str(user_id))
        attempt = await self._attempts.count_here(account)
        return await self._proved(attempt, account, known, password)

    async def _proved(
        self, attempt: Attempt, account: bytes, known: Row | None, password: str
    ) -> Proved | None:
        await self._attempts.count_everywhere(
            attempt, account, known["id"] if known is not None else None
        )
        password_hash = known["password_hash"] if known is not None else None
        matches = await self._hasher.verify(passwords.normalise(password), password_hash)
        if known is None or not matches:
            return None
        attempt.succeeded()
        return Proved(
            known["id"], known["password_hash"], (known["email"], known["display_name"] or "")
        )


def _key_of(email: str) -> str | None:
    """What is the same for all spellings of an address; None, if it is none."""
    try:
        return emails.key(email)
    except ValueError:
        return None
