"""E-mail addresses: as they were typed for their owner, folded for everybody else."""

# ruff: noqa: RUF001
# Letters that look like others are what this is about.

from uuid import uuid4

import pytest
from httpx import AsyncClient

from app.features.users import emails
from tests.people import PASSWORD, sign_in

# Each the same address twice.
SPELLINGS = [
    ("ada@example.com", "ADA@example.com"),
    ("ada@example.com", "ada@EXAMPLE.Com"),
    ("ada@example.com", "ａｄａ@example.com"),
    ("ada@example.com", "ada@ｅｘａｍｐｌｅ.com"),
    ("ada@example.com", "ada@example。com"),
    ("ada@bücher.example", "ada@BÜCHER.example"),
    ("ada@bücher.example", "ada@XN--BCHER-KVA.example"),
    ("ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"),
    ("zo\u00eb@example.com", "zoe\u0308@example.com"),
    ("σίσυφος@example.com", "ΣΊΣΥΦΟΣ@example.com"),
]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_all_spellings_have_one_key(one: str, other: str) -> None:
    assert emails.key(one) == emails.key(other) == emails.key(emails.normalise(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.b@example.com", "ab@example.com"),
        ("ada@example.com", "ada@example.org"),
        # Whoever owns the one domain need not own the other (IDNA 2008).
        ("ada@faß.example", "ada@fass.example"),
    ],
)
def test_two_addresses_have_two_keys(one: str, other: str) -> None:
    assert emails.key(one) != emails.key(other)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ada.Lovelace@Example.COM", "Ada.Lovelace@example.com"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("zoe\u0308@example.com", "zo\u00eb@example.com"),
    ],
)
def test_an_address_stays_as_it_was_typed_but_for_the_domain(typed: str, kept: str) -> None:
    assert emails.normalise(typed) == kept


@pytest.mark.parametrize("address", ["", "ada", "ada@", "@example.com", "\0@example.com", "@" * 99])
def test_what_is_no_address_has_no_key(address: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        emails.key(address)


@pytest.mark.parametrize(("one", "other"), [SPELLINGS[2], SPELLINGS[6]])
async def test_two_spellings_are_one_account_which_either_signs_in(
    client: AsyncClient, one: str, other: str
) -> None:
    unique = uuid4().hex
    first, second = (f"{unique}-{email}" for email in (one, other))
    made, refused = [
        await client.post("/v1/users", json={"email": email, "password": PASSWORD})
        for email in (first, second)
    ]

    assert made.status_code == 201
    assert made.json()["email"] == first
    assert refused.status_code == 409
    assert refused.json()["code"] == "email_taken"
    assert refused.json()["errors"] == [
        {"pointer": "/email", "code": "email_taken", "message": "is taken", "in": "body"}
    ]
    assert unique not in refused.text
    assert (await sign_in(client, second))["token_type"] == "Bearer"
