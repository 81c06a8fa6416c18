"""The rules of accounts."""

from collections.abc import Callable
from uuid import UUID

from app.core.clock import new_id
from app.core.context import Context, Expected
from app.core.errors import InvalidToken, NotFound
from app.core.schemas import JsonRow
from app.database.repository import differences, json_row
from app.features.labels.adoption import LabelAdopter
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
    """Reads and changes accounts, in one request. `projects_of` makes a principal's service."""

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
        """Make an account with its Inbox. Raises `EmailTaken`, `ValidationFailed`."""
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
        """Read an account. Raises `InvalidToken` once it is deleted."""
        try:
            return await self._repository.read(user_id)
        except NotFound:
            # For less than a second after it, a process may still accept the account's tokens.
            raise InvalidToken("The account was deleted.") from None

    async def update(self, user_id: UUID, data: UserUpdate, expected: Expected) -> JsonRow:
        """Change an account. Raises `VersionConflict`."""
        user = await self._repository.lock(user_id)
        expected.check(user["version"])
        values = differences(user, data)
        if not values:
            return json_row(user)
        return await self._repository.update(user_id, values, self._context.now())

    async def still_has(self, credentials: VerifiedCredentials) -> bool:
        """Whether the verified password is still the account's; if so, it is until the commit.

        A change of the password waits for that commit, and so also ends the session it starts.
        """
        return await self._repository.hold(credentials.user_id, credentials.password_hash)


class AccountEnd:
    """Removes all that ends with an account, in a transaction that has locked the account.

    It can be repeated, and then removes what was added in between.
    """

    def __init__(
        self,
        repository: UserRepository,
        sessions: SessionService,
        projects_of: Callable[[Principal], ProjectService],
        labels: LabelAdopter,
        context: Context,
    ) -> None:
        self._repository = repository
        self._sessions = sessions
        self._projects_of = projects_of
        self._labels = labels
        self._context = context

    async def settle(self, user_id: UUID, email_key: str | None = None) -> None:
        """Delete kept answers, leave all projects, delete invitations, end all sessions.

        Invitations that it sent, and those to its address, if that is known still.
        """
        await self._repository.forget_answers(user_id)
        heirs = await self._projects_of(_oneself(user_id)).leave_all()
        by = self._context.by(user_id)
        # In the order of their ids: two accounts that end may have the same heirs.
        for heir in sorted(set(heirs.values())):
            theirs = [project_id for project_id, owner_id in heirs.items() if owner_id == heir]
            await self._labels.adopt(theirs, former_id=user_id, owner_id=heir, **by)
        # Who accepts one has the project locked as well, and before it.
        await self._repository.forget_invitations(user_id, email_key)
        await self._sessions.end_all(user_id)


class AccountService:
    """What needs the account's password once more: to change it, and to delete the account."""

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
        """Change the password, and end all other sessions: a thief of the old one may own them.

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
        """Delete the account. Raises `PasswordIncorrect`, `RateLimited`, `VersionConflict`.

        Its row stays without personal data, since other rows refer to it. A later sweep purges the
        projects that nobody sees any more.
        """
        proved = await self._prove(principal, data.password, "/password")
        # The transaction has begun by locking the account (`EndingAccount`).
        user = await self._repository.lock(proved.user_id)
        expected.check(user["version"])
        now = self._context.now()
        if not await self._repository.anonymise(proved.user_id, proved.password_hash, now):
            raise PasswordIncorrect("/password")
        await self._end.settle(proved.user_id, user["email_key"])

    async def _prove(
        self, principal: Principal, password: str, pointer: str
    ) -> VerifiedCredentials:
        proved = await self._proof.by_id(principal.user_id, password)
        if proved is None:
            # This statement begins the transaction, which replays the answer if the request was
            # done before under its Idempotency-Key: a repeated change of the password is no error.
            await self._repository.hold(principal.user_id, "")
            raise PasswordIncorrect(pointer)
        return proved


def _oneself(user_id: UUID) -> Principal:
    """The account as its own principal, where no token is involved."""
    return Principal(user_id, session_id=user_id, scopes=frozenset())
