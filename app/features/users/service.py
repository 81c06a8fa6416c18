"""The rules of accounts."""

from collections.abc import Callable
from uuid import UUID

from app.core.clock import new_id
from app.core.context import Context
from app.core.errors import InvalidToken, NotFound
from app.core.schemas import JsonRow
from app.core.versions import Expected
from app.database.repository import differences, json_row
from app.features.projects.service import ProjectService
from app.features.sessions.service import SessionService
from app.features.users import emails, passwords
from app.features.users.credentials import PasswordProof, VerifiedCredentials
from app.features.users.errors import PasswordIncorrect
from app.features.users.repository import UserRepository
from app.features.users.schemas import AccountDeletion, PasswordChange, UserCreate, UserUpdate
from app.security.password_hashing import PasswordHasher
from app.security.principal import Principal


class UserService:
    """Accounts, in one request. `projects_of` gives the projects on behalf of a principal."""

    def __init__(
        self,
        repository: UserRepository,
        hasher: PasswordHasher,
        context: Context,
        projects_of: Callable[[Principal], ProjectService],
        password_min_length: int,
    ) -> None:
        self._repository = repository
        self._hasher = hasher
        self._context = context
        self._projects_of = projects_of
        self._password_min_length = password_min_length

    async def sign_up(self, data: UserCreate) -> JsonRow:
        """A new account with its Inbox. Raises `EmailTaken`, `ValidationFailed`."""
        password = passwords.accept(
            data.password,
            min_length=self._password_min_length,
            context=(data.email, data.display_name or ""),
        )
        user_id = new_id()
        values = {
            **data.model_dump(exclude={"password"}),
            "id": user_id,
            "email_key": emails.key(data.email),
            "password_hash": await self._hasher.hash(password),
        }
        user = await self._repository.insert(values, self._context.now())
        await self._projects_of(_oneself(user_id)).create_inbox()
        return user

    async def read(self, user_id: UUID) -> JsonRow:
        """Raises `InvalidToken` once the account is deleted."""
        try:
            return await self._repository.read(user_id)
        except NotFound:
            # A token that a process still takes, for less than a second.
            raise InvalidToken("The account was deleted.") from None

    async def update(self, user_id: UUID, data: UserUpdate, expected: Expected) -> JsonRow:
        """Raises `VersionConflict`."""
        user = await self._repository.lock(user_id)
        expected.check(user["version"])
        values = differences(user, data)
        if not values:
            return json_row(user)
        return await self._repository.update(user_id, values, self._context.now())

    async def still_has(self, credentials: VerifiedCredentials) -> bool:
        """Whether a password that was proved is the account's, now and until the transaction ends.

        Whoever changes it waits for that, and so sees what began with it.
        """
        return await self._repository.hold(credentials.user_id, credentials.password_hash)


class AccountEnd:
    """All that ends with an account, in a transaction that holds it alone.

    It may be done again, and then ends what has come in between.
    """

    def __init__(
        self,
        repository: UserRepository,
        sessions: SessionService,
        projects_of: Callable[[Principal], ProjectService],
    ) -> None:
        self._repository = repository
        self._sessions = sessions
        self._projects_of = projects_of

    async def settle(self, user_id: UUID) -> None:
        """Keep nothing that others could notice, or that says who it was."""
        await self._repository.forget_answers(user_id)
        await self._projects_of(_oneself(user_id)).leave_all()
        await self._sessions.end_all(user_id)


class AccountService:
    """What an account's password is asked for once more, in one request."""

    def __init__(
        self,
        repository: UserRepository,
        proof: PasswordProof,
        sessions: SessionService,
        hasher: PasswordHasher,
        context: Context,
        end: AccountEnd,
        password_min_length: int,
    ) -> None:
        self._repository = repository
        self._proof = proof
        self._sessions = sessions
        self._hasher = hasher
        self._context = context
        self._end = end
        self._password_min_length = password_min_length

    async def change_password(self, principal: Principal, data: PasswordChange) -> None:
        """Another password, and the end of all other sessions: who knew the old one may have them.

        Raises `PasswordIncorrect`, `ValidationFailed`, `RateLimited`.
        """
        proved = await self._prove(principal, data.current, "/current")
        new = passwords.accept(
            data.new,
            min_length=self._password_min_length,
            context=proved.known,
            pointer="/new",
        )
        new_hash = await self._hasher.hash(new)
        if not await self._repository.change_password(
            proved.user_id, proved.password_hash, new_hash
        ):
            raise PasswordIncorrect("/current")
        await self._sessions.end_others(principal)

    async def delete(self, principal: Principal, data: AccountDeletion, expected: Expected) -> None:
        """The account's end. Raises `PasswordIncorrect`, `RateLimited`, `VersionConflict`.

        Its row stays, for what refers to it, but says nothing of whose it was. What nobody sees any
        more is purged by the next sweep.
        """
        proved = await self._prove(principal, data.password, "/password")
        # The transaction begins with the account for itself.
        user = await self._repository.lock(proved.user_id)
        expected.check(user["version"])
        now = self._context.now()
        if not await self._repository.anonymise(proved.user_id, proved.password_hash, now):
            raise PasswordIncorrect("/password")
        await self._end.settle(proved.user_id)

    async def _prove(
        self, principal: Principal, password: str, pointer: str
    ) -> VerifiedCredentials:
        proved = await self._proof.by_id(principal.user_id, password)
        if proved is None:
            # What was done already under the request's key is answered as it was then, although
            # the password is another one by now: the first statement of the transaction tells.
            await self._repository.hold(principal.user_id, "")
            raise PasswordIncorrect(pointer)
        return proved


def _oneself(user_id: UUID) -> Principal:
    """An account without a token."""
    return Principal(user_id, session_id=user_id, scopes=frozenset())
