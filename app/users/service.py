"""The rules of accounts."""

from collections.abc import Callable
from uuid import UUID

from app.core.authentication import Principal
from app.core.clock import new_id
from app.core.context import Context
from app.core.passwords import PasswordHasher
from app.core.preconditions import Versions
from app.core.schemas import Stored
from app.projects.service import ProjectService
from app.users import emails, passwords
from app.users.credentials import Proved
from app.users.repository import UserRepository
from app.users.schemas import UserCreate, UserUpdate


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

    async def sign_up(self, data: UserCreate) -> Stored:
        """A new account with its Inbox. Raises `EmailTaken`, `ValidationFailed`."""
        password = passwords.accept(
            data.password,
            min_length=self._password_min_length,
            context=(data.email, data.display_name or ""),
        )
        user_id = new_id()
        stored = await self._repository.add(
            **data.model_dump(exclude={"password"}),
            id=user_id,
            email_key=emails.key(data.email),
            password_hash=await self._hasher.hash(password),
            now=self._context.now(),
        )
        owner = Principal(user_id, session_id=user_id, scopes=frozenset())
        await self._projects_of(owner).create_inbox()
        return stored

    async def read(self, user_id: UUID) -> Stored:
        """Raises `NotFound`."""
        return await self._repository.read(user_id)

    async def update(self, user_id: UUID, data: UserUpdate, versions: Versions) -> Stored:
        """Raises `NotFound`, `VersionConflict`."""
        return await self._repository.patch(
            user_id, data.given(), versions, now=self._context.now()
        )

    async def still_has(self, proved: Proved) -> bool:
        """Whether a password that was proved is the account's, now and until the transaction ends.

        Whoever changes it waits for that, and so sees what began with it.
        """
        return await self._repository.hold(proved.user_id, proved.password_hash)
