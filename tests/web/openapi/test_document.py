"""The OpenAPI document: what SDK generators and Swagger UI rely on."""

import re
from collections.abc import Iterator
from importlib.metadata import version

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.problems_page import oauth_errors, problems
from tests.web.answers import schema_errors
from tests.web.openapi.operation_ids import OPERATION_IDS
from tests.web.operations import (
    DOCUMENT,
    JSON_OPERATIONS,
    OPERATIONS,
    SCHEMAS,
    Json,
    Operation,
    resolved,
)

# SDKs call their methods so: a name may be added, and none may change.
# What an answer holds only if it was asked for.
OPTIONAL = {
    "ActivityPage": ["total"],
    "CommentPage": ["total"],
    "CompletionPage": ["total"],
    "CountPage": ["total"],
    "Introspection": ["token_type", "scope", "sub", "exp", "iss", "aud", "jti"],
    "InvitationPage": ["total"],
    "LabelPage": ["total"],
    "MemberPage": ["total"],
    "OwnInvitationPage": ["total"],
    "ProjectPage": ["total"],
    "SessionPage": ["total"],
    "TodoPage": ["total"],
    "TrashPage": ["total"],
}
VERBS = {
    *("accept", "change", "create", "decline", "delete", "get", "introspect", "list", "move"),
    *("purge", "restore", "revoke", "transfer", "update"),
}

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)
each_schema = pytest.mark.parametrize("name", list(SCHEMAS))


def test_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_document_says_what_it_is_of() -> None:
    info = DOCUMENT["info"]
    assert (info["title"], info["version"]) == ("Tickbox", version("tickbox"))
    assert DOCUMENT["servers"] == [{"url": "/", "description": "This server."}]


def test_operation_ids_are_frozen() -> None:
    assert sorted(operation.id for operation in OPERATIONS) == sorted(OPERATION_IDS)


@each_operation
def test_operation_is_named_by_a_verb_and_a_noun(operation: Operation) -> None:
    assert re.fullmatch(rf"({'|'.join(VERBS)})(_[a-z]+)+", operation.id)


@each_operation
def test_operation_is_described(operation: Operation) -> None:
    definition = operation.definition
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    assert len(definition["tags"]) == 1
    assert set(definition["tags"]) <= tags
    assert re.fullmatch(r"[A-Z].{2,59}[^.]", definition["summary"])
    assert re.fullmatch(r"(?s)[A-Z`].+[.!]", definition["description"])
    for response in operation.responses.values():
        assert response["description"] not in ("", "Successful Response")


def test_each_tag_is_described_and_used() -> None:
    used = {tag for operation in OPERATIONS for tag in operation.definition["tags"]}
    assert [tag["name"] for tag in DOCUMENT["tags"] if tag["name"] not in used] == []
    assert all(tag["description"] for tag in DOCUMENT["tags"])


@each_operation
def test_parameter_is_described_and_never_null(operation: Operation) -> None:
    for location in ("query", "path", "header"):
        for name, parameter in operation.parameters(location).items():
            assert parameter["description"], name
            assert {"type": "null"} not in parameter["schema"].get("anyOf", []), name


def _contents(operation: Operation) -> Iterator[Json]:
    yield from operation.contents.values()
    for response in operation.responses.values():
        yield from response.get("content", {}).values()


@each_operation
def test_what_is_sent_and_comes_back_has_a_name(operation: Operation) -> None:
    for content in _contents(operation):
        assert content["schema"].keys() == {"$ref"}
        assert resolved(content["schema"])


@each_schema
def test_no_schema_holds_one_without_a_name(name: str) -> None:
    def unnamed(schema: Json) -> Iterator[Json]:
        if "properties" in schema:
            yield schema
        for kind in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
            yield from unnamed(kind)
        if "items" in schema:
            yield from unnamed(schema["items"])

    for field, schema in SCHEMAS[name].get("properties", {}).items():
        assert not list(unnamed(schema)), field
        # A choice between objects is a thing of its own.
        kinds = [kind for kind in schema.get("anyOf", []) if "$ref" in kind]
        assert len(kinds) < 2, field
        assert "oneOf" not in schema, field


def _answer_schemas() -> list[str]:
    """The schemas of all answers, and those that they are made of."""
    seen: set[str] = set()

    def visit(part: object) -> None:
        if isinstance(part, list):
            for item in part:
                visit(item)
        elif isinstance(part, dict):
            reference = part.get("$ref", "")
            if isinstance(reference, str) and "/schemas/" in reference:
                name = reference.rpartition("/")[2]
                if name not in seen:
                    seen.add(name)
                    visit(SCHEMAS[name])
            for item in part.values():
                visit(item)

    for operation in OPERATIONS:
        visit([response.get("content") for response in operation.responses.values()])
    return sorted(seen)


@pytest.mark.parametrize("name", _answer_schemas())
def test_each_field_of_an_answer_is_required(name: str) -> None:
    schema = SCHEMAS[name]
    if schema.get("type") == "object":
        assert schema["required"] == [
            field for field in schema["properties"] if field not in OPTIONAL.get(name, ())
        ]
        assert all("default" not in field for field in schema["properties"].values())
        # Clients go by the document, and /v1 may grow.
        assert "additionalProperties" not in schema


@pytest.mark.parametrize("operation", JSON_OPERATIONS, ids=str)
def test_body_knows_its_fields_and_a_patch_needs_none(operation: Operation) -> None:
    schema = operation.body_schema
    assert schema["additionalProperties"] is False
    # A place is one of several fields.
    needs_none = operation.method == "PATCH" or operation.path.endswith("/move")
    assert ("required" in schema) != needs_none
    if operation.method == "PATCH":
        assert set(operation.contents) == {"application/merge-patch+json"}
        assert all("default" not in field for field in schema["properties"].values())


@each_operation
def test_what_is_sent_has_an_example(operation: Operation) -> None:
    for content in operation.contents.values():
        assert resolved(content["schema"])["examples"]


@each_schema
def test_each_example_is_valid(name: str) -> None:
    schema = SCHEMAS[name]
    for part in (schema, *schema.get("properties", {}).values()):
        for example in part.get("examples", []):
            assert not list(schema_errors(part, example))


def test_example_of_a_merge_patch_clears_with_null() -> None:
    assert {"due": None} in SCHEMAS["TodoUpdate"]["examples"]


@each_operation
def test_operation_tells_its_problems(operation: Operation) -> None:
    expected: set[str] = set()
    if not operation.is_oauth:
        expected |= {"validation_failed"}
    if operation.body is not None:
        expected |= {"malformed_json", "unsupported_media_type"}
    if operation.contents:
        expected |= {"content_too_large"}
    if operation.scopes is not None:
        expected |= {"malformed_request", "not_authenticated", "invalid_token"}
    if operation.scopes:
        expected |= {"insufficient_scope"}
    if operation.path.startswith("/v1/"):
        expected |= {"internal_error", "database_busy", "database_unavailable"}
    if operation.parameters("path"):
        expected |= {"not_found"}
    if "If-Match" in operation.parameters("header"):
        expected |= {"version_conflict"}
    assert expected <= {code for code, _ in _documented(operation)}
    if operation.is_oauth:
        codes = set(operation.responses["400"]["content"]["application/json"]["examples"])
        assert "invalid_request" in codes
        assert codes <= {error.code for error in oauth_errors()}


@each_operation
def test_each_problem_stands_under_its_status(operation: Operation) -> None:
    statuses = {error.code: str(error.status) for error in problems()}
    for code, status in _documented(operation):
        assert statuses[code] == status, code


def test_each_problem_is_told_by_an_operation() -> None:
    told = {code for operation in OPERATIONS for code, _ in _documented(operation)}
    everywhere = {"route_not_found", "method_not_allowed", "request_timeout"}
    assert told | everywhere == {error.code for error in problems()}


def _documented(operation: Operation) -> Iterator[tuple[str, str]]:
    for status, response in operation.responses.items():
        for code, meaning in response.get("x-problems", {}).items():
            assert f"`{code}`: {meaning}." in response["description"] or operation.is_oauth
            yield code, status


@each_operation
def test_headers_of_answers_are_documented(operation: Operation) -> None:
    for status, response in operation.responses.items():
        names = set(response["headers"])
        assert "X-Request-Id" in names
        assert ("WWW-Authenticate" in names) == (
            operation.scopes is not None and status in ("400", "401", "403")
        )
        assert status != "201" or {"ETag", "Location"} <= names
        assert status != "412" or "ETag" in names
    for header in DOCUMENT["components"]["headers"].values():
        assert header["description"]


def test_password_flow_is_declared() -> None:
    [(name, scheme)] = DOCUMENT["components"]["securitySchemes"].items()
    assert (name, scheme["type"]) == ("OAuth2", "oauth2")
    flow = scheme["flows"]["password"]
    assert flow["tokenUrl"] == flow["refreshUrl"] == "/v1/oauth/token"
    assert set(scheme["flows"]) == {"password"}
    for operation in OPERATIONS:
        assert operation.definition["security"] in ([], [{"OAuth2": operation.scopes}])
