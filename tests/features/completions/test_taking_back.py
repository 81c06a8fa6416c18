"""Taking completions back: what repeats is open again, where it was before."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.features.completions.repeating import (
    completed,
    day,
    done,
    make,
    occurrences,
    patched,
    read,
    send,
    take_back,
    tick,
)
from tests.people import Json, Person


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


async def test_what_has_ended_and_loses_its_rule_keeps_its_completions_until_it_opens(
    ada: Person,
) -> None:
    todo = await make(ada, day("2026-11-30"), "FREQ=WEEKLY;COUNT=2")
    await tick(ada, todo)
    ended = await tick(ada, todo)

    await patched(ada, todo, recurrence=None)
    assert await done(ada, todo) == [day("2026-12-07"), day("2026-11-30")]
    await patched(ada, todo, completed=False)
    await patched(ada, todo, recurrence=ended["recurrence"])
    await tick(ada, todo)

    assert await done(ada, todo) == [day("2026-12-07"), day("2026-11-30")]


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
