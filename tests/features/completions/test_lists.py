"""Lists of what was completed, and of the occurrences to come."""

from tests.features.completions.repeating import (
    completed,
    day,
    make,
    occurrences,
    problem,
    read,
    take_back,
    tick,
)
from tests.people import Person, until_cached


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
