"""`PATCH` is a merge patch (RFC 7396): what is left out stays, `null` clears."""

from datetime import date, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.features.todos.models import PRIORITIES
from tests.people import Json, Person

_FIELDS = ("title", "description", "completed", "priority", "due", "recurrence", "labels")

_texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
_titles = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=28)
    .map("x{}".format)
    .filter(lambda text: text == text.strip())
)
# What repeats is due in the year 2 at the earliest, and has a next occurrence.
_days = st.dates(date(2, 1, 1), date(9990, 1, 1))
_dues = st.one_of(
    _days.map(lambda day: {"date": day.isoformat()}),
    st.builds(
        lambda local, timezone: {
            "datetime": local.replace(microsecond=0).isoformat(),
            "timezone": timezone,
        },
        st.builds(datetime.combine, _days, st.times()),
        st.none(),
    ),
    st.builds(
        lambda day, timezone: {"datetime": f"{day}T09:00:00", "timezone": timezone},
        _days,
        st.sampled_from(["Europe/Berlin", "UTC", "Pacific/Apia"]),
    ),
)
_recurrences = st.builds(
    lambda interval, begin: {"rrule": f"FREQ=DAILY;INTERVAL={interval}", "repeat_from": begin},
    st.integers(1, 9),
    st.sampled_from(["due", "completion"]),
)
_PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "title": _titles,
        "description": st.none() | _texts,
        "completed": st.booleans(),
        "priority": st.sampled_from(PRIORITIES),
        "due": st.none() | _dues,
        "recurrence": st.none() | _recurrences,
        "labels": st.lists(st.sampled_from(["a", "b b", "\u00e7"]), unique=True),
    },
)


def merge(target: Json, patch: Json) -> Json:
    """RFC 7396, section 2, for a flat document whose members cannot be absent, but null.

    A `due` is one value, of one form or another: it is replaced, not merged into, and so are the
    others. Labels are in order.
    """
    merged: Json = {name: patch.get(name, value) for name, value in target.items()}
    return {**merged, "labels": sorted(merged["labels"])}


@given(first=_PATCHES, second=_PATCHES)
async def test_a_patch_is_a_merge_patch(ada: Person, first: Json, second: Json) -> None:
    todo = await ada.make_todo()

    for patch in (first, second, first, second, {}):
        expected = merge({name: todo[name] for name in _FIELDS}, patch)
        sent = dict(patch)
        if expected["recurrence"] is not None and expected["completed"]:
            # That moves the due.
            expected["completed"] = sent["completed"] = False
        response = await ada.client.patch(f"/v1/todos/{todo['id']}", json=sent)
        patched = response.json()

        if expected["recurrence"] is not None and expected["due"] is None:
            assert (response.status_code, patched["code"]) == (422, "recurrence_needs_due")
            continue
        assert response.status_code == 200, response.text
        assert {name: patched[name] for name in _FIELDS} == expected
        changed = any(todo[name] != expected[name] for name in _FIELDS)
        assert patched["version"] == todo["version"] + changed
        assert (patched["completed_at"] is not None) == expected["completed"]
        fixed = set(todo) - {*_FIELDS, "version", "updated_at", "completed_at"}
        assert {name: patched[name] for name in fixed} == {name: todo[name] for name in fixed}
        todo = patched
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo


async def test_a_patch_that_changes_nothing_leaves_version_and_times(ada: Person) -> None:
    todo = await ada.make_todo(
        completed=True, due={"date": "2026-11-30"}, description="D", priority="low"
    )
    url = f"/v1/todos/{todo['id']}"

    for name in _FIELDS:
        assert (await ada.client.patch(url, json={name: todo[name]})).json() == todo
    same = {**{name: todo[name] for name in _FIELDS}, "title": f"  {todo['title']} "}
    assert (await ada.client.patch(url, json=same)).json() == todo
    assert (await ada.client.patch(url, json={})).json() == todo


async def test_completing_again_keeps_when_it_was_completed(ada: Person) -> None:
    todo = await ada.make_todo(completed=True)

    changed = await ada.client.patch(
        f"/v1/todos/{todo['id']}", json={"completed": True, "title": "Other"}
    )

    assert changed.json()["version"] == 2
    assert changed.json()["completed_at"] == todo["completed_at"]


_WRONG: list[tuple[Json, tuple[str, str]]] = [
    ({"title": None}, ("/title", "wrong_type")),
    ({"title": " "}, ("/title", "too_short")),
    ({"title": "x" * 501}, ("/title", "too_long")),
    ({"completed": None}, ("/completed", "wrong_type")),
    ({"completed": "false"}, ("/completed", "wrong_type")),
    ({"priority": None}, ("/priority", "not_allowed")),
    ({"description": "x" * 50_001}, ("/description", "too_long")),
    ({"due": {"date": "2026-02-30"}}, ("/due/date", "invalid_date")),
    ({"labels": None}, ("/labels", "wrong_type")),
    ({"colour": "red"}, ("/colour", "unknown_field")),
]


async def test_a_patch_with_something_wrong_changes_nothing(ada: Person) -> None:
    todo = await ada.make_todo(description="D", due={"date": "2026-11-30"})
    url = f"/v1/todos/{todo['id']}"

    for patch, error in _WRONG:
        response = await ada.client.patch(url, json={"priority": "high", **patch})
        assert response.status_code == 422
        [only] = response.json()["errors"]
        assert (only["pointer"], only["code"]) == error
    assert (await ada.get(url)).json() == todo


async def test_a_patch_is_an_object(ada: Person) -> None:
    todo = await ada.make_todo()
    url = f"/v1/todos/{todo['id']}"

    for body in ("null", "[]", '"title"', "1", "true", '[{"title": "x"}]'):
        response = await ada.client.patch(
            url, content=body, headers={"Content-Type": "application/merge-patch+json"}
        )
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == ""
    assert (await ada.get(url)).json() == todo


_MEDIA_TYPES = [
    ("application/merge-patch+json", 200),
    ("application/json", 200),
    ("Application/Merge-Patch+JSON; charset=UTF-8", 200),
    ("application/json-patch+json", 415),
    ("application/vnd.api+json", 415),
    ("application/merge-patch+json; charset=utf-16", 200),
    ("text/plain", 415),
    ("", 415),
]


async def test_a_patch_comes_under_two_media_types(ada: Person) -> None:
    for media_type, status in _MEDIA_TYPES:
        todo = await ada.make_todo()
        url = f"/v1/todos/{todo['id']}"
        response = await ada.client.patch(
            url, content='{"title":"New"}', headers={"Content-Type": media_type}
        )
        assert response.status_code == status, media_type
        assert (await ada.get(url)).json()["title"] == ("New" if status == 200 else todo["title"])


async def test_a_todo_is_created_under_json_only(ada: Person) -> None:
    response = await ada.client.post(
        "/v1/todos",
        content='{"title":"New"}',
        headers={"Content-Type": "application/merge-patch+json"},
    )

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert (await ada.get("/v1/todos")).json()["items"] == []
