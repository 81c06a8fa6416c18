"""Text as clients send it: what is refused of it, where, and without much work."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from httpx import AsyncClient

from app.core.errors import ValidationFailed
from app.features.todos.sql import search
from app.features.users import emails, passwords
from tests.people import PASSWORD, Person, sign_in

_MANY = "e" + "\u0301" * 31
_ENOUGH = "e" + "\u0301" * 30
_LINES = {
    "a\u2028b": "line_break",
    "a\tb": "control_character",
    "\u3164\u200b": "invisible",
    _MANY: "too_many_marks",
    # Parted by nothing that is seen, but parted (UAX #15, section 13).
    _ENOUGH + "\u034f" + "\u0301" * 30: None,
    _ENOUGH: None,
}
_SHORT_LINES = {text: code for text, code in _LINES.items() if len(text) <= 60}
_ANY = {"a\u2028b": None, "\u200b": None, _MANY: "too_many_marks", _ENOUGH: None}


def _errors(problem: Any) -> list[tuple[str, str, str]]:
    return [(error["pointer"], error["code"], error["in"]) for error in problem.get("errors", [])]


@pytest.mark.parametrize(
    ("method", "url", "field", "texts"),
    [
        ("POST", "/v1/todos", "title", _LINES),
        ("PATCH", "/v1/todos/{todo}", "title", _LINES),
        ("POST", "/v1/todos", "description", _ANY),
        ("PATCH", "/v1/todos/{todo}", "description", _ANY),
        ("POST", "/v1/projects", "name", _LINES),
        ("PATCH", "/v1/projects/{project}", "name", _LINES),
        ("POST", "/v1/labels", "name", _SHORT_LINES),
        ("PATCH", "/v1/labels/{label}", "name", _SHORT_LINES),
        ("POST", "/v1/users", "display_name", _LINES),
        ("PATCH", "/v1/users/me", "display_name", _LINES),
        ("POST", "/v1/users", "password", {_MANY + "a" * 20: "too_many_marks"}),
        ("POST", "/v1/users/me/password", "new", {_MANY + "a" * 20: "too_many_marks"}),
    ],
)
async def test_is_refused_where_it_stands(
    ada: Person, method: str, url: str, field: str, texts: dict[str, str | None]
) -> None:
    todo, project = await ada.make_todo(), await ada.make_project()
    label = await ada.make_label()
    url = url.format(todo=todo["id"], project=project["id"], label=label["id"])
    for text, code in texts.items():
        body: dict[str, Any] = {
            "/v1/todos": {"title": "x"},
            "/v1/users": {"email": f"{uuid4().hex}@example.com", "password": PASSWORD},
            "/v1/users/me/password": {"current": PASSWORD},
        }.get(url, {})
        response = await ada.client.request(method, url, json={**body, field: text})
        answer = response.json()
        if code is None:
            assert response.is_success, (text, answer)
            assert answer[field] == text
        else:
            assert response.status_code == 422, (text, answer)
            assert _errors(answer) == [(f"/{field}", code, "body")]


async def test_a_title_of_before_is_read_sorted_and_changed_in_all_else(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo("Old")
    old = "two\nlines" + "\u0301" * 99
    await database.execute(
        "UPDATE todos SET title = $1, title_key = $1, description = $1 WHERE id = $2",
        old,
        todo["id"],
    )
    await ada.invalidate()

    for params in ({}, {"sort": "title"}, {"sort": "-title"}):
        [listed] = (await ada.get("/v1/todos", params=params)).json()["items"]
        assert (listed["title"], listed["description"]) == (old, old)
    changed = await ada.client.patch(f"/v1/todos/{todo['id']}", json={"completed": True})
    assert changed.json()["title"] == old


@pytest.mark.parametrize("space", [" {}", "{}\n", "\u3000\t{} ", "\r\n{}\u2003"])
async def test_white_space_around_an_address_is_trimmed(client: AsyncClient, space: str) -> None:
    address = f"{uuid4().hex}@example.com"
    made = await client.post(
        "/v1/users", json={"email": space.format(address), "password": PASSWORD}
    )
    assert (made.status_code, made.json()["email"]) == (201, address)
    again = await client.post("/v1/users", json={"email": f"{address} ", "password": PASSWORD})
    assert again.status_code == 409
    assert (await sign_in(client, space.format(address)))["token_type"] == "Bearer"


async def test_its_length_is_that_without_white_space(client: AsyncClient) -> None:
    local, domain = uuid4().hex, ".".join(["d" * 60] * 3)
    address = f"{local}{'a' * 32}@{domain}.de"
    assert len(address) == 250
    for text, status in ((f"{' ' * 9}{address}", 201), ("a" * 255, 422)):
        body = {"email": text, "password": PASSWORD}
        assert (await client.post("/v1/users", json=body)).status_code == status


_ADDRESSES = [
    "\u0301\u0323" * 2_000,
    "a@" + "\u0301\u0323" * 2_000,
    "a@" + "".join(chr(0xAC00 + 31 * number) for number in range(250)),
    "a@" + "\ufdfa" * 250,
    " " * 4_000 + "a",
    "a@" + "a." * 2_000,
]


@pytest.mark.parametrize("address", _ADDRESSES, ids=range(len(_ADDRESSES)))
async def test_what_is_too_long_for_an_address_is_not_folded(
    client: AsyncClient, address: str
) -> None:
    form = f"grant_type=password&username={address}&password={chr(0x301) * 2_000}".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await client.post("/v1/oauth/token", content=form, headers=kind)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    with pytest.raises(ValueError, match=r"."):
        emails.key(address)
    assert _cost(lambda: _key(address)) < 0.01


def _key(address: str) -> None:
    with suppress(ValueError):
        emails.key(address)


def _cost(work: Callable[[], object]) -> float:
    """Seconds of this thread's, at best."""
    costs = []
    for _ in range(3):
        began = time.thread_time()
        work()
        costs.append(time.thread_time() - began)
    return min(costs)


# Each becomes more by NFKC, and so many repetitions of what it becomes.
@pytest.mark.parametrize("character", ["\ufdfa", "\u2026", "\u2057", "\u3300", "\u33c2", "\u2487"])
def test_a_password_that_grows_as_it_is_folded_costs_no_more(character: str) -> None:
    def accept() -> None:
        with suppress(ValidationFailed):
            passwords.accept(character * 128, min_length=15, context=(character * 100,))

    assert _cost(accept) < 0.015


def test_a_query_that_grows_as_it_is_folded_costs_no_more() -> None:
    many = "".join(chr(0x3300 + number % 88) for number in range(100))
    assert _cost(lambda: search.terms(many)) < 0.005
    sought = search.terms("b abc ab bc abd B")
    assert sought["words"] == ["abc", "abd", "bc"]
