"""Links: what a create's answer says may be done next, done."""

import pytest
from httpx import Response

from app.web.openapi.document import link_creates
from tests.people import Person
from tests.web.callers import Caller
from tests.web.operations import OPERATIONS, Json, Operation

BY_ID = {operation.id: operation for operation in OPERATIONS}
CREATES = [operation for operation in OPERATIONS if "links" in operation.responses.get("201", {})]

each_create = pytest.mark.parametrize("create", CREATES, ids=str)


def value_of(expression: str, response: Response) -> str:
    """A runtime expression of OpenAPI, as far as links use them."""
    kind, _, rest = expression.removeprefix("$response.").partition(".")
    if kind == "header":
        return response.headers[rest]
    name = expression.removeprefix("$response.body#/")
    return str(response.json()[name])


def test_creates_have_links() -> None:
    assert {create.id for create in CREATES} == {"create_label", "create_project", "create_todo"}


@each_create
def test_link_names_all_that_the_resource_takes(create: Operation) -> None:
    links = create.responses["201"]["links"]
    noun = create.id.removeprefix("create_")
    assert list(links) == [f"{verb}_{noun}" for verb in ("get", "update", "delete")]
    for name, link in links.items():
        target = BY_ID[link["operationId"]]
        assert target.id == name
        known = target.parameters("path") | target.parameters("header")
        assert set(link["parameters"]) <= known.keys()
        assert target.parameters("path").keys() <= set(link["parameters"])
        assert link["description"]


@each_create
async def test_links_lead_to_what_was_made(create: Operation, ada: Person) -> None:
    caller = Caller(ada)
    links = create.responses["201"]["links"]
    for name, status in zip(links, (200, 200, 204), strict=True):
        made = await caller.send(create)
        assert made.status_code == 201
        target, values = BY_ID[name], links[name]["parameters"]
        values = {key: value_of(expression, made) for key, expression in values.items()}
        path = {key: value for key, value in values.items() if key in target.parameters("path")}
        headers = {key: value for key, value in values.items() if key not in path}
        answer = await ada.client.request(
            target.method,
            target.path.format(**path),
            headers=headers,
            json=target.body["example"] if target.body else None,
        )
        assert answer.status_code == status, answer.text
        if status == 200:
            assert answer.json()["id"] == made.json()["id"]
        gone = await ada.get(made.headers["location"])
        assert gone.status_code == (404 if status == 204 else 200)


def test_only_what_answers_201_and_has_a_path_below_is_linked() -> None:
    item: Json = {"get": {"operationId": "get_thing", "summary": "Read", "parameters": []}}
    paths: Json = {
        "/things": {"post": {"responses": {"200": {}}}},
        "/things/{thing_id}": item,
        "/others": {"post": {"responses": {"201": {}}}},
        "/others/me": item,
        "/others/{other_id}/things": item,
    }
    link_creates(paths)
    assert paths["/things"]["post"]["responses"] == {"200": {}}
    assert paths["/others"]["post"]["responses"] == {"201": {}}
