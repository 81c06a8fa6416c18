"""Checks passwords, and limits how many wrong ones may be tried.

`docs/decisions/sign-in-limits.md` says why attempts are counted this way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from app.core.errors import RateLimited
from app.features.sessions.service import SessionReader
from app.features.users import emails, passwords
from app.features.users.repository import UserRepository
from app.redis.rate_limits import Counts, Limit, Refund
from app.security.access_tokens import hash_opaque_token
from app.security.password_hashing import PasswordHasher


class Row(Protocol):
    """A row of `users`."""

    def __getitem__(self, name: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class VerifiedCredentials:
    """An account whose password was right, and the hash that it was compared with.

    `known` is the e-mail address and the display name, which a stranger may know too.
    """

    user_id: UUID
    password_hash: str
    known: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt, counted as failed from its start, so that concurrent ones pass no limit.

    `counted` are the calls to refund if it succeeds.
    """

    counted: list[Refund]

    def give_back(self) -> None:
        """Refund what was counted."""
        for refund in self.counted:
            refund()

    @contextmanager
    def only_if_wrong(self) -> Iterator[None]:
        """Do not count an attempt that ends in an error: that is not the caller's fault."""
        try:
            yield
        except BaseException:
            self.give_back()
            raise


class Attempts:
    """Counts attempts from one network against the limits."""

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
        """Count an attempt on this account from this network. Raises `RateLimited`."""
        here = hash_opaque_token(f"{account.hex()} {self._network}")
        return Attempt([await self._counts.take(self._from_here, here)])

    async def count_everywhere(
        self, attempt: Attempt, account: bytes, user_id: UUID | None
    ) -> None:
        """Count an attempt on this account from any network.

        Raises `RateLimited`, but not where the user lately used this network: attackers elsewhere
        cannot lock a user out.
        """
        try:
            attempt.counted.append(await self._counts.take(self._from_anywhere, account))
        except RateLimited:
            if not await self._sessions.knows(user_id, self._network):
                raise


class PasswordProof:
    """Checks passwords, in one request."""

    def __init__(
        self, repository: UserRepository, hasher: PasswordHasher, attempts: Attempts
    ) -> None:
        self._repository = repository
        self._hasher = hasher
        self._attempts = attempts

    async def by_email(self, email: str, password: str) -> VerifiedCredentials | None:
        """The account with this address and password; None, after the same time, if there is none.

        Raises `RateLimited`, `PasswordHashingBusy`.
        """
        key = _key_of(email)
        account = hash_opaque_token(key or email)
        attempt = await self._attempts.count_here(account)
        with attempt.only_if_wrong():
            known = await self._repository.credentials(key) if key is not None else None
            return await self._proved(attempt, account, known, password)

    async def by_id(self, user_id: UUID, password: str) -> VerifiedCredentials | None:
        """The account with this id, if the password is right. Raises as `by_email` does."""
        known = await self._repository.credentials_of(user_id)
        account = hash_opaque_token(known["email_key"] if known is not None else str(user_id))
        attempt = await self._attempts.count_here(account)
        with attempt.only_if_wrong():
            return await self._proved(attempt, account, known, password)

    async def _proved(
        self, attempt: Attempt, account: bytes, known: Row | None, password: str
    ) -> VerifiedCredentials | None:
        await self._attempts.count_everywhere(
            attempt, account, known["id"] if known is not None else None
        )
        password_hash = known["password_hash"] if known is not None else None
        matches = await self._hasher.verify(passwords.normalise(password), password_hash)
        if known is None or not matches:
            return None
        attempt.give_back()
        return VerifiedCredentials(
            known["id"], known["password_hash"], (known["email"], known["display_name"] or "")
        )


def _key_of(email: str) -> str | None:
    """The unique key of an e-mail address; None for what is no address."""
    try:
        return emails.key(email)
    except ValueError:
        return None
