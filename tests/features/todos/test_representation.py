"""The JSON that PostgreSQL builds is exactly what the `Read` schemas promise."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import literal, select

import app.features.labels.statements
import app.features.projects.representation
import app.features.todos.sql.representation
import app.features.users.repository
from app.core.schemas import Schema
from app.features.labels.models import Label
from app.features.labels.schemas import LabelPage, LabelRead
from app.features.projects.models import Project
from app.features.projects.schemas import ProjectPage, ProjectRead
from app.features.todos.models import PRIORITIES, Todo
from app.features.todos.schemas import TodoPage, TodoRead
from app.features.users.models import User
from app.features.users.schemas import UserRead
from tests.people import Json, Person

_texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=60)
_titles = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=28
).map("x{}".format)
_labels = st.lists(st.text("ab1", min_size=1, max_size=60), max_size=5, unique=True)
_dues = st.one_of(
    st.none(),
    st.dates().map(lambda day: {"date": day.isoformat()}),
    st.builds(
        lambda day, time, timezone: {"datetime": f"{day}T{time}", "timezone": timezone},
        st.dates().filter(lambda day: 1 < day.year < 9999),
        st.times().map(lambda time: time.isoformat("seconds")),
        st.sampled_from([None, "Europe/Berlin", "America/Argentina/ComodRivadavia"]),
    ),
)


def _assert_is(schema: type[Schema], body: bytes) -> None:
    """The bytes hold exactly the schema's fields, in order, and mean what the schema would say."""
    fields = json.loads(body)
    known = schema.model_fields.items()
    assert list(fields) == [name for name, field in known if field.is_required() or name in fields]
    read = schema.model_validate_json(body, strict=True)
    assert json.loads(read.model_dump_json()) == fields


@pytest.mark.parametrize(
    ("fields", "schema"),
    [
        (app.features.todos.sql.representation.representation(Todo.__table__), TodoRead),
        (
            app.features.projects.representation.representation(
                select(Project.__table__, literal("owner").label("role")).subquery()
            ),
            ProjectRead,
        ),
        (app.features.labels.statements.representation(Label.__table__), LabelRead),
        (app.features.users.repository.representation(User.__table__), UserRead),
    ],
    ids=["todo", "project", "label", "user"],
)
def test_sql_builds_the_fields_of_the_schema_in_its_order(
    fields: list[Any], schema: type[Schema]
) -> None:
    assert [field.key for field in fields] == list(schema.model_fields)


@given(
    title=_titles,
    description=st.none() | _texts,
    completed=st.booleans(),
    priority=st.sampled_from(PRIORITIES),
    due=_dues,
    labels=_labels,
    is_subtask=st.booleans(),
)
async def test_a_todo_is_what_its_schema_says(ada: Person, is_subtask: bool, **fields: Any) -> None:
    parent_id = (await ada.make_todo())["id"] if is_subtask else None

    created = await ada.client.post("/v1/todos", json={**fields, "parent_id": parent_id})
    url = created.headers["location"]
    read = await ada.get(url)
    patched = await ada.client.patch(url, json={"completed": not fields["completed"]})
    page = await ada.get("/v1/todos", params={"limit": 2})

    for response in (created, read, patched):
        assert response.headers["content-type"] == "application/json"
        _assert_is(TodoRead, response.content)
    assert created.content == read.content
    _assert_is(TodoPage, page.content)
    assert patched.json() in page.json()["items"]
    assert {name: created.json()[name] for name in fields} == {
        **fields,
        "title": created.json()["title"],
        "labels": sorted(fields["labels"]),
    }
    assert created.json()["title"] in fields["title"]


@given(name=_titles, color=st.none() | st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True))
async def test_a_project_is_what_its_schema_says(ada: Person, name: str, color: str | None) -> None:
    created = await ada.client.post("/v1/projects", json={"name": name, "color": color})
    url = created.headers["location"]
    read = await ada.get(url)
    patched = await ada.client.patch(url, json={"archived": True})
    page = await ada.get("/v1/projects", params={"limit": 2, "archived": "true"})

    for response in (created, read, patched):
        _assert_is(ProjectRead, response.content)
    assert created.content == read.content
    assert created.json()["color"] == color
    assert created.json()["name"] in name
    _assert_is(ProjectPage, page.content)
    assert patched.json() in page.json()["items"]


@given(name=_titles, color=st.none() | st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True))
async def test_a_label_is_what_its_schema_says(ada: Person, name: str, color: str | None) -> None:
    created = await ada.client.post("/v1/labels", json={"name": name, "color": color})
    url = created.headers["location"]
    read = await ada.get(url)
    patched = await ada.client.patch(url, json={"name": f"y{name}", "color": None})
    page = await ada.get("/v1/labels", params={"limit": 2})

    for response in (created, read, patched):
        _assert_is(LabelRead, response.content)
    assert created.content == read.content
    assert (created.json()["color"], patched.json()["color"]) == (color, None)
    assert created.json()["name"] in name
    _assert_is(LabelPage, page.content)
    assert patched.json() in page.json()["items"]
    assert (await ada.client.delete(url)).status_code == 204


async def test_a_user_is_what_its_schema_says(ada: Person) -> None:
    read = await ada.get("/v1/users/me")
    patched = await ada.client.patch("/v1/users/me", json={"timezone": "Europe/Berlin"})

    _assert_is(UserRead, read.content)
    _assert_is(UserRead, patched.content)
    assert read.json() == ada.user


async def test_an_empty_page_is_what_its_schema_says(ada: Person) -> None:
    page = await ada.get("/v1/todos")

    _assert_is(TodoPage, page.content)
    assert page.content == b'{"items":[],"next_cursor":null}'
    page = await ada.get("/v1/todos?include_total=true")
    _assert_is(TodoPage, page.content)
    assert page.content == b'{"items":[],"next_cursor":null,"total":0}'


async def test_every_field_is_required_and_those_that_may_be_null_say_so(ada: Person) -> None:
    document: Json = (await ada.get("/openapi.json")).json()
    for schema in (TodoRead, ProjectRead, LabelRead, UserRead, TodoPage, ProjectPage, LabelPage):
        described = document["components"]["schemas"][schema.__name__]
        required = {name for name, field in schema.model_fields.items() if field.is_required()}
        assert set(described["required"]) == required == schema.model_fields.keys() - {"total"}
        assert all("default" not in field for field in described["properties"].values())
        for name, field in schema.model_fields.items():
            is_nullable = name in required and type(None) in getattr(
                field.annotation, "__args__", ()
            )
            parts = described["properties"][name].get("anyOf", [])
            assert ({"type": "null"} in parts) == is_nullable, name
