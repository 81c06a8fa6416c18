"""Completing what repeats: the next occurrence, until the rule ends."""

import pytest
from httpx import Response

from tests.features.completions.repeating import (
    at,
    complete,
    day,
    done,
    make,
    occurrences,
    read,
    send,
    tick,
)
from tests.people import Json, Person


async def test_completing_one_that_repeats_leaves_it_open_at_the_next_occurrence(
    ada: Person,
) -> None:
    todo = await make(ada, day("2026-11-30"))

    once = await tick(ada, todo)
    twice = await tick(ada, todo)

    assert (once["completed"], once["completed_at"], once["due"]) == (
        False,
        None,
        day("2026-12-07"),
    )
    assert (twice["completed"], twice["due"]) == (False, day("2026-12-14"))
    assert once["recurrence"] == twice["recurrence"] == todo["recurrence"]
    assert await done(ada, todo) == [day("2026-12-07"), day("2026-11-30")]


async def test_a_completion_is_answered_with_the_todo(ada: Person) -> None:
    todo = await make(ada, at("2026-11-30T09:00:00", "Europe/Berlin"))

    response = await complete(ada, todo)

    assert response.status_code == 201
    completion, after = response.json()["completion"], response.json()["todo"]
    assert list(completion) == ["id", "completed_at", "completed_by", "occurrence"]
    assert completion["occurrence"] == todo["due"]
    assert completion["completed_by"] == ada.user["id"]
    assert completion["completed_at"] == after["updated_at"]
    assert after == await read(ada, todo)
    assert after["due"] == at("2026-12-07T09:00:00", "Europe/Berlin")
    assert response.headers["etag"] == f'"{after["version"]}"' == '"2"'
    assert response.headers["location"] == f"/v1/todos/{todo['id']}"
    listed = await ada.get(f"/v1/todos/{todo['id']}/completions")
    assert listed.json()["items"] == [completion]


async def test_an_occurrence_is_completed_once(ada: Person) -> None:
    todo = await make(ada, day("2026-11-30"))

    answers = [await complete(ada, todo) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 409]
    assert answers[1].json()["code"] == "occurrence_not_current"
    other_kind = await complete(ada, todo, at("2026-12-07T00:00:00"))
    assert other_kind.json()["code"] == "occurrence_not_current"
    assert await done(ada, todo) == [day("2026-11-30")]
    assert (await read(ada, todo))["version"] == 2


async def test_what_does_not_repeat_has_no_occurrences(ada: Person) -> None:
    todo = await ada.make_todo(due=day("2026-11-30"))

    response = await complete(ada, todo)

    assert (response.status_code, response.json()["code"]) == (409, "not_repeating")
    assert await occurrences(ada, todo) == await done(ada, todo) == []
    assert await read(ada, todo) == todo


async def test_after_the_last_occurrence_it_is_completed(ada: Person) -> None:
    todo = await make(ada, day("2026-11-30"), "FREQ=WEEKLY;COUNT=2")
    assert not (await tick(ada, todo))["completed"]

    last = await tick(ada, todo)

    assert (last["completed"], last["due"]) == (True, day("2026-12-07"))
    assert last["recurrence"] == todo["recurrence"]
    assert last["completed_at"] == last["updated_at"]
    assert await done(ada, todo) == [day("2026-12-07"), day("2026-11-30")]
    assert await occurrences(ada, todo) == []
    again = await complete(ada, last)
    assert (again.status_code, again.json()["code"]) == (409, "not_repeating")
    assert await tick(ada, todo) == last


@pytest.mark.parametrize(
    ("due", "rrule", "last"),
    [
        (day("2026-11-30"), "FREQ=WEEKLY;UNTIL=20261207", day("2026-12-07")),
        (at("2026-11-30T23:00:00"), "FREQ=WEEKLY;UNTIL=20261207", at("2026-12-07T23:00:00")),
        (
            at("2026-11-30T09:00:00"),
            "FREQ=WEEKLY;UNTIL=20261214T085959",
            at("2026-12-07T09:00:00"),
        ),
        (
            at("2026-11-30T09:00:00", "Europe/Berlin"),
            "FREQ=WEEKLY;UNTIL=20261207T080000Z",
            at("2026-12-07T09:00:00", "Europe/Berlin"),
        ),
    ],
)
async def test_until_is_the_last(ada: Person, due: Json, rrule: str, last: Json) -> None:
    todo = await make(ada, due, rrule)

    second, end = await tick(ada, todo), await tick(ada, todo)

    assert (second["completed"], second["due"]) == (False, last)
    assert (end["completed"], end["due"]) == (True, last)


async def test_a_patch_completes_after_its_other_fields(ada: Person) -> None:
    todo = await make(ada, day("2026-11-30"))

    moved = await send(ada, todo, completed=True, due=day("2026-12-02"), title="Later")

    assert (moved.json()["due"], moved.json()["title"]) == (day("2026-12-07"), "Later")
    assert await done(ada, todo) == [day("2026-12-02")]
    plain = await send(ada, todo, completed=True, recurrence=None)
    assert (plain.json()["completed"], plain.json()["due"]) == (True, day("2026-12-07"))
    assert await done(ada, todo) == [day("2026-12-02")]


async def test_a_rule_that_comes_with_the_completion_counts(ada: Person) -> None:
    todo = await ada.make_todo(due=day("2026-11-30"))
    child = await ada.make_todo(parent_id=todo["id"], completed=True)

    response = await send(
        ada, todo, completed=True, recurrence={"rrule": "freq=daily", "repeat_from": "due"}
    )

    assert (response.json()["completed"], response.json()["due"]) == (False, day("2026-12-01"))
    assert not (await read(ada, child))["completed"]
    assert await done(ada, todo) == [day("2026-11-30")]


async def test_preconditions_go_by_the_todo(ada: Person) -> None:
    todo = await make(ada, day("2026-11-30"))
    url = f"/v1/todos/{todo['id']}/completions"

    async def post(tag: str, due: Json) -> Response:
        return await ada.client.post(url, json={"occurrence": due}, headers={"If-Match": tag})

    stale = await post('"7"', todo["due"])
    made = await post('"1"', todo["due"])
    completion = made.json()["completion"]
    early = await ada.client.delete(f"{url}/{completion['id']}", headers={"If-Match": '"1"'})
    back = await ada.client.delete(f"{url}/{completion['id']}", headers={"If-Match": '"2"'})

    assert (stale.status_code, stale.headers["etag"]) == (412, '"1"')
    assert made.status_code == 201
    assert (early.status_code, early.headers["etag"]) == (412, '"2"')
    assert back.status_code == 204


async def test_a_completion_sent_twice_under_a_key_is_made_once(ada: Person) -> None:
    todo = await make(ada, day("2026-11-30"))
    url, body = f"/v1/todos/{todo['id']}/completions", {"occurrence": todo["due"]}

    answers = [
        await ada.client.post(url, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]

    assert answers[0].content == answers[1].content
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert await done(ada, todo) == [day("2026-11-30")]
