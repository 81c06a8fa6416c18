"""A field of accounts is in the table, the schemas and the representation, or a test fails here."""

from httpx import AsyncClient

from app.database.base import table_of
from app.features.users.models import User
from app.features.users.repository import USERS
from app.features.users.schemas import UserCreate, UserRead, UserUpdate
from tests.people import PASSWORD, Person

# What no client sends: the service sets it, or PostgreSQL.
_OWN = {
    "id", "email_key", "password_hash", "version", "created_at", "updated_at", "deleted_at",
    "settled_at", "email_verified_at",
}  # fmt: skip
# What only a new account takes by this way.
_FIRST = {"email", "password"}
_CHANGED = {
    "display_name": "Grace",
    "timezone": "Europe/Berlin",
    "locale": "fr",
    "week_start": "sunday",
}


def test_what_may_be_changed_may_be_made_so_and_is_shown() -> None:
    changed = set(UserUpdate.model_fields)
    assert changed == set(UserCreate.model_fields) - _FIRST == set(_CHANGED)
    assert changed <= set(UserRead.model_fields)


def test_each_column_is_of_a_field_or_of_ours() -> None:
    assert _CHANGED.keys() | _OWN | {"email"} == set(table_of(User).c.keys())
    assert _CHANGED.keys() <= USERS.settable.keys()


async def test_each_field_is_kept_by_a_patch_and_by_a_create(
    client: AsyncClient, ada: Person
) -> None:
    for name, value in _CHANGED.items():
        answer = await ada.client.patch("/v1/users/me", json={name: value})
        assert answer.json()[name] == value != ada.user[name]
    sent = {"email": "grace@example.com", "password": PASSWORD, **_CHANGED}
    made = (await client.post("/v1/users", json=sent)).json()
    assert {name: made[name] for name in _CHANGED} == _CHANGED
