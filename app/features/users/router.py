"""`/v1/users`."""

from fastapi import APIRouter, Request

from app.core.schemas import JsonRow
from app.features.sessions.dependencies import AccountManager
from app.features.users.dependencies import (
    ACCOUNT_FAILURES,
    SIGN_IN_FAILURES,
    SIGN_UP,
    Account,
    EndingAccount,
    ReadUsers,
    WriteUsers,
)
from app.features.users.errors import EmailTaken
from app.features.users.schemas import (
    AccountDeletion,
    PasswordChange,
    UserCreate,
    UserRead,
    UserUpdate,
)
from app.security.password_hashing import PasswordHashingBusy
from app.web.dependencies import Caller, ExpectedVersion
from app.web.openapi.problems import problems
from app.web.routing import Feature, Route, limited, permits


class UserRoute(Route):
    """A route of accounts, each of which its owner finds at `/v1/users/me`."""

    def location(self, request: Request, row: JsonRow) -> str:  # noqa: ARG002 - as all routes do
        """`/v1/users/me`, not the path with the id."""
        return "/v1/users/me"


router = APIRouter(prefix="/v1/users", tags=["users"], route_class=UserRoute)
FEATURE = Feature(
    tag="users",
    description="Accounts.",
    routers=(router,),
    limits=(SIGN_UP, SIGN_IN_FAILURES, ACCOUNT_FAILURES),
)


@router.post(
    "",
    status_code=201,
    operation_id="create_user",
    response_model=UserRead,
    responses=problems(EmailTaken, PasswordHashingBusy),
)
@limited(SIGN_UP)
async def create_user(users: WriteUsers, data: UserCreate) -> JsonRow:
    """Sign up.

    Makes an account, and its Inbox. Sign in afterwards at `/v1/oauth/token`.
    """
    return await users.sign_up(data)


@router.get("/me", operation_id="get_current_user", response_model=UserRead)
@permits("own")
async def get_current_user(users: ReadUsers, caller: Caller) -> JsonRow:
    """Read your account.

    Any access token will do, whatever its scopes.
    """
    return await users.read(caller.user_id)


@router.patch(
    "/me",
    operation_id="update_current_user",
    response_model=UserRead,
)
@permits("own")
async def update_current_user(
    caller: AccountManager, users: WriteUsers, data: UserUpdate, expected: ExpectedVersion
) -> JsonRow:
    """Change your account.

    A merge patch (RFC 7396): only the fields that you send change, and `null` clears.
    """
    return await users.update(caller.user_id, data, expected)


@router.post(
    "/me/password",
    status_code=204,
    operation_id="change_password",
    responses=problems(PasswordHashingBusy),
)
@permits("own")
async def change_password(caller: AccountManager, account: Account, data: PasswordChange) -> None:
    """Change your password.

    Ends all other sessions, everywhere within a second; yours goes on. A `current` that is wrong
    counts as a sign-in that failed.
    """
    await account.change_password(caller, data)


@router.delete(
    "/me",
    status_code=204,
    operation_id="delete_current_user",
    responses=problems(PasswordHashingBusy),
)
@permits("own")
async def delete_current_user(
    caller: AccountManager, account: EndingAccount, data: AccountDeletion, expected: ExpectedVersion
) -> None:
    """Delete your account.

    Its tokens are refused within a second, everywhere; its e-mail address may sign up again, and
    finds nothing of what was. Your Inbox, and the projects that only you see, are deleted with
    their todos, and purged from the database within hours. A project of yours that others see goes
    to the one of them who has been a member for longest, an editor before a viewer. You leave the
    projects of others; what you wrote there stays, by an account without a name. There is no way
    back. Sent again under the same `Idempotency-Key`, it is a 401: no answer is kept.
    """
    await account.delete(caller, data, expected)
