"""Scopes: every route declares the ones that it needs, and takes no token that lacks one."""

from collections.abc import Iterator

import pytest
from fastapi.routing import iter_route_contexts
from httpx import AsyncClient

from app.features.routes import SCOPES
from tests.people import sign_in
from tests.web.answers import document_faults, faults
from tests.web.callers import Caller
from tests.web.operations import APP, DOCUMENT, OPERATIONS, SECURED_OPERATIONS, Operation

# What anybody may ask for. A route that is not among them needs a scope.
PUBLIC = {
    "POST /v1/users",
    "POST /v1/oauth/token",
    "POST /v1/oauth/revoke",
    "GET /.well-known/jwks.json",
    "GET /.well-known/oauth-authorization-server",
    "GET /",
    "GET /livez",
    "GET /readyz",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/assets",
    "GET /redoc",
}
ANY_TOKEN = {"GET /v1/users/me", "POST /v1/oauth/introspect"}

each_secured = pytest.mark.parametrize("operation", SECURED_OPERATIONS, ids=str)
with_scopes = pytest.mark.parametrize(
    "operation", [operation for operation in SECURED_OPERATIONS if operation.scopes], ids=str
)


def _routes() -> Iterator[str]:
    for route in iter_route_contexts(APP.routes):
        for method in (route.methods or {"GET"}) - {"HEAD"}:
            yield f"{method} {route.path}"


def _name(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def test_every_route_declares_scopes_or_is_listed_as_public() -> None:
    scoped = {_name(operation) for operation in OPERATIONS if operation.scopes}
    assert sorted(_routes()) == sorted(scoped | PUBLIC | ANY_TOKEN)
    assert not scoped & (PUBLIC | ANY_TOKEN)


def test_only_public_routes_take_no_token() -> None:
    unsecured = {_name(operation) for operation in OPERATIONS if operation.scopes is None}
    assert unsecured == PUBLIC & {_name(operation) for operation in OPERATIONS}
    assert {_name(operation) for operation in OPERATIONS if operation.scopes == []} == ANY_TOKEN


def test_every_scope_is_one_of_those_that_tokens_have() -> None:
    for operation in SECURED_OPERATIONS:
        assert set(operation.scopes or ()) <= SCOPES.keys(), operation


def test_document_lists_the_scopes() -> None:
    [scheme] = DOCUMENT["components"]["securitySchemes"].values()
    assert scheme["flows"]["password"]["scopes"] == dict(SCOPES)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_without_a_token_only_public_routes_answer(
    caller: Caller, operation: Operation
) -> None:
    response = await caller.send(operation, signed_in=False)
    assert not [*faults(response), *document_faults(response, operation)]
    if operation.scopes is None:
        assert response.is_success
    else:
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
        assert response.headers["www-authenticate"] == "Bearer"


@with_scopes
async def test_token_that_lacks_a_scope_is_told_which(
    caller: Caller, client: AsyncClient, operation: Operation
) -> None:
    for scope in operation.scopes or ():
        others = " ".join(SCOPES.keys() - {scope})
        headers = await _authorization(caller, client, others)
        response = await caller.send(operation, headers=headers)
        assert not [*faults(response), *document_faults(response, operation)]
        problem = response.json()
        assert (response.status_code, problem["code"]) == (403, "insufficient_scope")
        assert problem["params"] == {"scope": scope}
        assert response.headers["www-authenticate"] == (
            f'Bearer error="insufficient_scope", scope="{scope}"'
        )


@each_secured
async def test_token_with_no_more_than_the_scopes_is_enough(
    caller: Caller, client: AsyncClient, operation: Operation
) -> None:
    scopes = " ".join(operation.scopes or ["account:manage"])
    headers = await _authorization(caller, client, scopes)
    response = await caller.send(operation, headers=headers)
    assert response.is_success, response.text


@with_scopes
async def test_lacking_scope_comes_before_what_is_wrong_with_the_input(
    caller: Caller, client: AsyncClient, operation: Operation
) -> None:
    """Whoever may not do it learns nothing of what is there."""
    needed = operation.scopes or []
    headers = await _authorization(caller, client, " ".join(SCOPES.keys() - set(needed)))
    path = dict.fromkeys(operation.parameters("path"), "01936b7e-8f00-7000-8000-000000000000")
    body = b'{"unknown": 1}' if operation.body is not None else None
    response = await caller.send(operation, headers=headers, path=path, body=body)
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
    assert response.json()["params"] == {"scope": " ".join(needed)}


async def _authorization(
    caller: Caller, client: AsyncClient, scope: str
) -> list[tuple[bytes, bytes]]:
    tokens = await sign_in(client, caller.person.user["email"], scope=scope)
    assert set(tokens["scope"].split()) == set(scope.split())
    return [(b"Authorization", f"Bearer {tokens['access_token']}".encode())]
