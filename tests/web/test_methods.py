"""Methods: those of a path, HEAD wherever there is GET, and none that are strange."""

import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from fastapi.routing import iter_route_contexts
from httpx import AsyncClient

from tests.web.answers import faults
from tests.web.callers import Caller
from tests.web.operations import APP, OPERATIONS, Operation

STRANGE = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    "PROPFIND", "QUERY", "INVENTED", "GETT", "get-it", "X" * 1_000,
]  # fmt: skip
ID = "01936b7e-8f00-7000-8000-000000000000"


def _paths() -> Iterator[tuple[str, str]]:
    """Every path that there is, those outside of the document too, and its methods in `Allow`."""
    methods: dict[str, set[str]] = defaultdict(set)
    for route in iter_route_contexts(APP.routes):
        methods[route.path or ""] |= route.methods or {"GET"}
    assert methods.keys() > {"/openapi.json", "/docs", "/redoc", "/v1/todos/{todo_id}"}
    for path in methods:
        # A fixed path may be one with a parameter too: /v1/todos/quick.
        alike = [others for other, others in methods.items() if _is_one_of(path, other)]
        known = set[str]().union(*alike)
        allowed = known | {"HEAD"} if "GET" in known else known
        yield path, ", ".join(sorted(allowed))


def _is_one_of(path: str, other: str) -> bool:
    pattern = re.sub(r"\{\w+\}", "[^/{}]+", other)
    return path == other or re.fullmatch(pattern, path) is not None


@pytest.mark.parametrize(("path", "allowed"), list(_paths()))
async def test_other_methods_are_told_which_there_are(
    client: AsyncClient, path: str, allowed: str
) -> None:
    address = path.format(**dict.fromkeys(_names(path), ID))
    if address == "/docs/assets":
        address += "/swagger-ui.css"
    for method in STRANGE:
        if method not in allowed.split(", "):
            response = await client.request(method, address)
            assert not list(faults(response)), method
            assert response.status_code == 405, method
            assert method == "HEAD" or response.json()["code"] == "method_not_allowed"
            assert response.headers["allow"] == allowed


def _names(path: str) -> list[str]:
    return [part.partition("}")[0] for part in path.split("{")[1:]]


@pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS if operation.method == "GET"], ids=str
)
async def test_head_is_get_without_a_body(caller: Caller, operation: Operation) -> None:
    for headers in ([], [(b"If-None-Match", b"*")]):
        for query, signed_in in (("", True), ("", False), ("unknown=1", True)):
            get, head = [
                await caller.send(
                    operation, method=method, headers=headers, query=query, signed_in=signed_in
                )
                for method in ("GET", "HEAD")
            ]
            assert head.status_code == get.status_code
            assert head.content == b""
            assert _lasting(head.headers) == _lasting(get.headers)


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/openapi.json", "/docs/assets/swagger-ui.css"]
)
async def test_pages_have_a_head_too(client: AsyncClient, path: str) -> None:
    get, head = await client.get(path), await client.head(path)
    assert (get.status_code, head.status_code) == (200, 200)
    assert head.content == b""
    assert _lasting(head.headers) == _lasting(get.headers)


def _lasting(headers: object) -> dict[str, str]:
    pairs: dict[str, str] = dict(headers.items())  # type: ignore[attr-defined]
    passing = ("x-request-id", "x-cache", "ratelimit")
    return {name: value for name, value in pairs.items() if name not in passing}
