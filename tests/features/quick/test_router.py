from typing import Any

import asyncpg
import pytest
from httpx import Response

from tests.people import Json, Person, share, sign_in

URL = "/v1/todos/quick"


async def quick(person: Person, text: str, **fields: Any) -> Response:
    return await person.client.post(URL, json={"text": text, **fields})


async def said(person: Person, text: str, **fields: Any) -> Json:
    """What a dry run understands."""
    answer = await quick(person, text, dry_run=True, **fields)
    assert answer.status_code == 200, answer.text
    understood: Json = answer.json()["understood"]
    return understood


async def test_it_makes_the_todo_that_it_understands(ada: Person) -> None:
    garden = await ada.make_project("Garden")
    answer = await quick(
        ada, "Mow the lawn 2031-05-03 at 17:30 #garden !high", timezone="Asia/Tokyo"
    )

    assert answer.status_code == 201, answer.text
    made = answer.json()
    todo = made["todo"]
    assert answer.headers["location"] == f"/v1/todos/{todo['id']}"
    assert answer.headers["etag"] == '"1"'
    read = await ada.get(answer.headers["location"])
    assert read.json() == todo
    assert read.headers["etag"] == answer.headers["etag"]
    due = {"datetime": "2031-05-03T17:30:00", "timezone": "Asia/Tokyo"}
    assert todo["title"] == "Mow the lawn"
    assert todo["due"] == due
    assert todo["priority"] == "high"
    assert todo["project_id"] == garden["id"]
    assert made["understood"] == {
        "values": {
            "title": "Mow the lawn",
            "due": due,
            "recurrence": None,
            "priority": "high",
            "labels": [],
            "project_id": garden["id"],
        },
        "spans": [
            {"field": "due", "start": 13, "end": 32},
            {"field": "project_id", "start": 33, "end": 40},
            {"field": "priority", "start": 41, "end": 46},
        ],
    }


async def test_a_text_that_says_nothing_else_is_a_title_in_the_inbox(ada: Person) -> None:
    made = (await quick(ada, "  The 5th Wave ")).json()
    assert made["todo"]["title"] == "The 5th Wave"
    assert made["todo"]["project_id"] == (await ada.inbox())["id"]
    assert made["understood"]["values"]["project_id"] is None
    assert made["understood"]["spans"] == []


async def test_a_dry_run_makes_nothing(ada: Person) -> None:
    answer = await quick(ada, "Call mom tomorrow @phone", dry_run=True)

    assert answer.status_code == 200
    assert answer.json()["todo"] is None
    assert answer.json()["understood"]["values"]["labels"] == ["phone"]
    assert not {"location", "etag"} & set(answer.headers)
    read = await ada.get("/v1/todos")
    for name in ("cache-control", "vary"):
        assert answer.headers[name] == read.headers[name]
    assert read.json()["items"] == []


async def test_times_are_in_the_time_zone_of_the_account(ada: Person) -> None:
    await ada.client.patch("/v1/users/me", json={"timezone": "Pacific/Kiritimati"})
    due = (await said(ada, "Call 2031-05-03 17:30"))["values"]["due"]
    assert due == {"datetime": "2031-05-03T17:30:00", "timezone": "Pacific/Kiritimati"}

    # It is never the same day there.
    today = (await said(ada, "Call today"))["values"]["due"]
    elsewhere = (await said(ada, "Call today", timezone="Pacific/Niue"))["values"]["due"]
    assert today["date"] > elsewhere["date"]


async def test_it_repeats_from_the_first_day_of_the_rule(ada: Person) -> None:
    made = (await quick(ada, "Pay rent every! month on the 31st starting 2031-02-01")).json()
    assert made["todo"]["title"] == "Pay rent"
    assert made["todo"]["due"] == {"date": "2031-03-31"}
    assert made["todo"]["recurrence"] == {
        "rrule": "FREQ=MONTHLY;BYMONTHDAY=31",
        "repeat_from": "completion",
    }
    assert made["understood"]["values"]["recurrence"] == made["todo"]["recurrence"]
    [first, second] = (await ada.get(f"/v1/todos/{made['todo']['id']}/occurrences?limit=2")).json()[
        "items"
    ]
    assert (first, second) == ({"date": "2031-03-31"}, {"date": "2031-05-31"})


async def test_labels_are_put_on_it_and_made_if_they_are_new(ada: Person) -> None:
    await ada.client.post("/v1/labels", json={"name": "Phone"})
    made = (await quick(ada, 'Call mom @phone @"at home" @PHONE')).json()
    assert made["understood"]["values"]["labels"] == ["phone", "at home"]
    assert made["todo"]["labels"] == ["at home", "Phone"]
    names = [label["name"] for label in (await ada.get("/v1/labels")).json()["items"]]
    assert sorted(names) == ["Phone", "at home"]


async def test_fifty_labels_and_no_more_are_put_on_it(ada: Person) -> None:
    made = (await quick(ada, "a " + " ".join(f"@{number}" for number in range(51)))).json()
    assert len(made["todo"]["labels"]) == 50
    assert made["todo"]["title"] == "a @50"


async def test_only_one_project_that_may_be_changed_is_understood(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    await ada.make_project("Twice")
    await ada.make_project("\uff34\uff37\uff29\uff23\uff25")
    await ada.make_project("My Project")
    old = await ada.make_project("Old")
    etag = {"If-Match": "*"}
    await ada.client.patch(f"/v1/projects/{old['id']}", json={"archived": True}, headers=etag)
    for name, role in (("Shared", "editor"), ("Seen", "viewer")):
        await share(database, await bob.make_project(name), ada, role)
    await bob.make_project("Secret")

    for name in ("twice", "old", "seen", "secret", "nobodys"):
        assert await said(ada, f"a #{name}") == {
            "values": {
                "title": f"a #{name}",
                "due": None,
                "recurrence": None,
                "priority": "none",
                "labels": [],
                "project_id": None,
            },
            "spans": [],
        }
    shared = (await quick(ada, "a #SHARED")).json()
    assert shared["todo"]["project_id"] == shared["understood"]["values"]["project_id"]
    assert (await said(ada, 'a #"my project"'))["values"]["title"] == "a"


async def test_without_the_scope_of_projects_none_is_known(ada: Person) -> None:
    garden = await ada.make_project("Garden")
    tokens = await sign_in(ada.client, ada.user["email"], scope="todos:write")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    texts = ("Water #garden tomorrow", "Water #nobodys tomorrow")
    for text in texts:
        answers = [
            await ada.client.post(URL, json={"text": text, "dry_run": dry}, headers=headers)
            for dry in (True, False)
        ]
        assert [answer.status_code for answer in answers] == [200, 201]
        for answer in answers:
            understood = answer.json()["understood"]
            assert understood["values"]["title"] == text.removesuffix(" tomorrow")
            assert understood["values"]["project_id"] is None
            assert [span["field"] for span in understood["spans"]] == ["due"]
        assert answers[1].json()["todo"]["project_id"] == (await ada.inbox())["id"]
    assert (await said(ada, texts[0]))["values"]["project_id"] == garden["id"]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/text", "required"),
        ({"text": ""}, "/text", "too_short"),
        ({"text": "a" * 501}, "/text", "too_long"),
        ({"text": "a\nb"}, "/text", "line_break"),
        ({"text": "a\x00b"}, "/text", "nul_character"),
        ({"text": "a\x07b"}, "/text", "control_character"),
        ({"text": " \u200b "}, "/text", "invisible"),
        ({"text": "a" + "\u0301" * 31}, "/text", "too_many_marks"),
        ({"text": "a", "timezone": "Mars/Base"}, "/timezone", "unknown_timezone"),
        ({"text": "a", "dry_run": "yes"}, "/dry_run", "wrong_type"),
        ({"text": "a", "due": None}, "/due", "unknown_field"),
    ],
)
async def test_bad_input(ada: Person, body: Json, pointer: str, code: str) -> None:
    answer = await ada.client.post(URL, json=body)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert error["code"] == code, error


async def test_500_characters_that_are_no_title_of_words(ada: Person) -> None:
    assert (await quick(ada, "\U0001f600" * 500)).status_code == 201


async def test_it_is_not_made_twice_under_one_key(ada: Person) -> None:
    headers = {"Idempotency-Key": "quick-1"}
    first, again = [
        await ada.client.post(URL, json={"text": "Call tomorrow"}, headers=headers)
        for _ in range(2)
    ]
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert len((await ada.get("/v1/todos")).json()["items"]) == 1


async def test_a_precondition_is_refused(ada: Person) -> None:
    answer = await ada.client.post(URL, json={"text": "a"}, headers={"If-Match": "*"})
    assert answer.status_code == 412


async def test_quick_is_no_id_of_a_todo(ada: Person) -> None:
    assert (await ada.get(URL)).status_code in (404, 405, 422)
