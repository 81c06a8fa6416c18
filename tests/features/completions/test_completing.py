"""Completing what repeats: the next occurrence, until the rule ends."""

import pytest
from httpx import Response
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.features.completions.repeating import (
    at,
    complete,
    completed,
    day,
    done,
    make,
    occurrences,
    problem,
    read,
    send,
    take_back,
    tick,
)
from tests.people import Json, Person, until_cached


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
    assert response.headers["location"] == f"/v1/todos/{todo['id']}/completions/{completion['id']}"
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


async def test_reopening_what_has_ended_takes_its_last_completion_back(ada: Person) -> None:
    todo = await make(ada, day("2026-11-30"), "FREQ=WEEKLY;COUNT=2")
    await tick(ada, todo)
    ended = await tick(ada, todo)

    response = await send(ada, todo, completed=False)

    assert response.json()["completed"] is False
    assert response.json()["due"] == ended["due"]
    assert await done(ada, todo) == [day("2026-11-30")]
    again = await tick(ada, todo)
    assert (again["completed"], again["due"]) == (True, day("2026-12-07"))
    assert len(await done(ada, todo)) == 2


async def test_counts_go_on_over_what_is_taken_back(ada: Person) -> None:
    todo = await make(ada, day("2026-11-30"), "FREQ=DAILY;COUNT=3")
    first, _ = await completed(ada, todo)
    second, _ = await completed(ada, await read(ada, todo))

    for completion, due in ((second, "2026-12-01"), (first, "2026-11-30")):
        assert (await take_back(ada, todo, completion)).status_code == 204
        assert (await read(ada, todo))["due"] == day(due)
    assert await done(ada, todo) == []

    ends = [await tick(ada, todo) for _ in range(3)]
    assert [(end["completed"], end["due"]["date"]) for end in ends] == [
        (False, "2026-12-01"),
        (False, "2026-12-02"),
        (True, "2026-12-02"),
    ]


@given(st.lists(st.booleans(), min_size=4, max_size=9))
@settings(max_examples=15)
async def test_any_order_of_completing_and_taking_back_is_that_of_a_stack(
    ada: Person, steps: list[bool]
) -> None:
    todo = await make(ada, day("2026-01-31"), "FREQ=MONTHLY;COUNT=3")
    series = await occurrences(ada, todo)
    stack: list[Json] = []
    for completes in steps:
        now = await read(ada, todo)
        assert now["completed"] == (len(stack) == 3)
        assert now["due"] == series[min(len(stack), 2)]
        if completes and not now["completed"]:
            stack.append((await completed(ada, now))[0])
        elif stack and not completes:
            assert (await take_back(ada, todo, stack.pop())).status_code == 204
    assert await done(ada, todo) == [series[number] for number in reversed(range(len(stack)))]


async def test_a_rule_that_was_changed_stays_where_its_completion_is_taken_back(
    ada: Person,
) -> None:
    """Its series goes on behind the due that is restored, and does not count it."""
    todo = await make(ada, day("2026-11-30"))
    completion, _ = await completed(ada, todo)
    daily = {"rrule": "FREQ=DAILY;COUNT=2", "repeat_from": "due"}
    await send(ada, todo, recurrence=daily)

    assert (await take_back(ada, todo, completion)).status_code == 204

    now = await read(ada, todo)
    assert (now["due"], now["recurrence"]) == (day("2026-11-30"), daily)
    wanted = [day("2026-11-30"), day("2026-12-07"), day("2026-12-08")]
    assert await occurrences(ada, todo) == wanted
    plain = await make(ada, day("2026-11-30"))
    completion, _ = await completed(ada, plain)
    await send(ada, plain, recurrence=None, completed=True)
    assert (await take_back(ada, plain, completion)).status_code == 204
    now = await read(ada, plain)
    assert (now["due"], now["recurrence"], now["completed"]) == (day("2026-11-30"), None, False)


async def test_only_the_latest_completion_is_taken_back(ada: Person) -> None:
    todo, other = await make(ada, day("2026-11-30")), await make(ada, day("2026-11-30"))
    first, _ = await completed(ada, todo)
    second, before = await completed(ada, await read(ada, todo))

    early = await take_back(ada, todo, first)
    elsewhere = await take_back(ada, other, second)

    assert (early.status_code, early.json()["code"]) == (409, "completion_not_latest")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "not_found")
    assert await read(ada, todo) == before
    assert (await take_back(ada, todo, second)).status_code == 204
    assert (await take_back(ada, todo, second)).status_code == 404
    assert (await take_back(ada, todo, first)).status_code == 204


async def test_taking_the_last_completion_back_opens_it(ada: Person) -> None:
    parent = await ada.make_todo()
    todo = await make(ada, day("2026-11-30"), "FREQ=WEEKLY;COUNT=2", parent_id=parent["id"])
    await tick(ada, todo)
    last, ended = await completed(ada, await read(ada, todo))
    assert ended["completed"]
    await tick(ada, parent)

    assert (await take_back(ada, todo, last)).status_code == 204

    now, above = await read(ada, todo), await read(ada, parent)
    assert (now["completed"], now["completed_at"], now["due"]) == (False, None, day("2026-12-07"))
    assert (above["completed"], above["completed_subtask_count"]) == (False, 0)


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


async def test_completions_are_paged_by_key(ada: Person) -> None:
    todo = await make(ada, day("2026-11-01"), "FREQ=DAILY")
    for _ in range(5):
        await tick(ada, todo)
    url = f"/v1/todos/{todo['id']}/completions"

    page = await ada.get(url, params={"limit": 2, "include_total": "true"})
    await tick(ada, todo)
    rest = await ada.get(url, params={"limit": 200, "cursor": page.json()["next_cursor"]})
    empty = await ada.get(
        f"/v1/todos/{(await ada.make_todo())['id']}/completions?include_total=true"
    )

    items = [*page.json()["items"], *rest.json()["items"]]
    days = [item["occurrence"]["date"] for item in items]
    assert days == [f"2026-11-0{number}" for number in (5, 4, 3, 2, 1)]
    assert page.json()["total"] == 5
    assert empty.json() == {"items": [], "next_cursor": None, "total": 0}
    other = await make(ada, day("2026-11-01"), "FREQ=DAILY")
    foreign = await ada.get(
        f"/v1/todos/{other['id']}/completions", params={"cursor": page.json()["next_cursor"]}
    )
    assert problem(foreign) == (422, "cursor_invalid", ["/cursor"])


async def test_occurrences_are_what_completing_gives(ada: Person) -> None:
    todo = await make(ada, day("2026-01-31"), "FREQ=MONTHLY;COUNT=5")

    told = await occurrences(ada, todo, 100)

    assert [due["date"][5:] for due in told] == ["01-31", "03-31", "05-31", "07-31", "08-31"]
    assert await occurrences(ada, todo, 2) == told[:2]
    for due in told:
        assert (await read(ada, todo))["due"] == due
        await tick(ada, todo)
    assert (await read(ada, todo))["completed"]


async def test_occurrences_have_the_version_of_the_todo(ada: Person) -> None:
    todo = await make(ada, day("2026-11-30"))
    url = f"/v1/todos/{todo['id']}/occurrences"

    response = await ada.get(url)
    assert response.headers["etag"] == '"1"'
    assert len(response.json()["items"]) == 10
    assert (await ada.get(url, headers={"If-None-Match": '"1"'})).status_code == 304
    await tick(ada, todo)
    assert (await ada.get(url)).json()["items"][0] == day("2026-12-07")
    for limit in ("0", "101", "x"):
        assert (await ada.get(f"{url}?limit={limit}")).status_code == 422


async def test_what_is_cached_is_outdated_by_each_completion(ada: Person) -> None:
    todo = await make(ada, day("2026-11-30"))
    urls = [f"/v1/todos/{todo['id']}/{name}" for name in ("completions", "occurrences")]
    for url in urls:
        await until_cached(ada, url)

    completion, _ = await completed(ada, todo)
    states = []
    for url in urls:
        states.append((await ada.get(url)).headers["x-cache"])
        await until_cached(ada, url)
    await take_back(ada, todo, completion)
    states += [(await ada.get(url)).headers["x-cache"] for url in urls]

    assert states == ["miss"] * 4


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
