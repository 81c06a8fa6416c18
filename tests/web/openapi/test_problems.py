"""Problems: the registry, the page that lists it, and the answers that no route makes."""

import logging
import re
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse
from httpx import ASGITransport, AsyncClient

from app.core import errors
from app.core.errors import AppError, DatabaseBusy, IdTaken, ValidationFailed
from app.observability.metrics import RequestCounts
from app.web.body_buffering import Buffers
from app.web.request_middleware import RequestMiddleware
from app.web.routing import router as new_router
from tests import problems_page
from tests.problems_page import field_codes, oauth_errors, problems
from tests.web.answers import CANARY, faults


def test_page_lists_every_code() -> None:
    assert problems_page.PATH.read_text() == problems_page.page(), (
        "docs/problems.md is old: python -m tests.problems_page"
    )


def test_each_code_is_one_problem() -> None:
    for kinds in (problems(), oauth_errors()):
        codes = [error.code for error in kinds]
        assert len(set(codes)) == len(codes)
    assert {error.code for error in problems()} > {"not_found", "project_archived", "email_taken"}


def test_each_problem_has_a_status_a_code_and_a_title() -> None:
    for error in [*problems(), *oauth_errors()]:
        assert 400 <= error.status < 600
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code), error
        assert re.fullmatch(r"[A-Z][^.]+", error.title), error


def test_each_error_that_is_raised_by_itself_has_a_code() -> None:
    registered = {*problems(), *oauth_errors()}
    without = {error for error in _subclasses(AppError) if not error.code} - {AppError}
    # They are there for others to be a kind of.
    assert all(error.__subclasses__() for error in without)
    assert {error for error in _subclasses(AppError) if vars(error).get("code")} == registered


def test_each_field_code_is_snake_case_and_has_a_message() -> None:
    for code, messages in field_codes().items():
        assert re.fullmatch(r"[a-z]+(_[a-z\d]+)*", code)
        assert all(messages), code


def test_tree_in_the_docstring_is_true() -> None:
    tree = re.findall(r"[├└]── (\w+) (\d+) *(.*)", errors.__doc__ or "")
    drawn = {
        name: (int(status), set(re.findall(r"\b[A-Z]\w+", kinds))) for name, status, kinds in tree
    }
    here = {error for error in _subclasses(AppError) if error.__module__ == errors.__name__}
    assert drawn == {
        error.__name__: (
            error.status,
            {kind.__name__ for kind in error.__subclasses__() if kind in here},
        )
        for error in here
        if error.__base__ is AppError
    }


def _subclasses(error: type[AppError]) -> set[type[AppError]]:
    """The class and all kinds of it, but for those that other tests may have made."""
    kinds = [kind for kind in error.__subclasses__() if kind.__module__.startswith("app.")]
    return {error}.union(*(_subclasses(kind) for kind in kinds))


@pytest.fixture
async def failing() -> AsyncIterator[AsyncClient]:
    """An app of which every route fails."""
    router = new_router("/fails", "failing")

    @router.get("/unexpectedly")
    async def unexpectedly() -> None:
        raise RuntimeError(f"SELECT {CANARY}")

    @router.get("/from-another")
    async def from_another() -> None:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise DatabaseBusy from error

    @router.get("/in-detail")
    async def in_detail() -> None:
        raise IdTaken("It is.", params={"id": 7}, headers={"X-More": "yes"})

    @router.get("/at-a-field")
    async def at_a_field() -> None:
        raise ValidationFailed.at("/a~1b/0", "required", "is required")

    @router.get("/halfway")
    async def halfway() -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError(CANARY)

        return StreamingResponse(body())

    app = FastAPI(openapi_url=None)
    app.middleware_stack = RequestMiddleware(app.router, Buffers(), RequestCounts())
    app.router.routes.extend(router.routes)
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://tickbox") as client:
        yield client


async def test_unexpected_error_shows_nothing_of_itself(
    failing: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await failing.get("/fails/unexpectedly", headers={"X-Request-Id": "mine"})

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "mine"
    assert response.json() == {
        "type": "urn:tickbox:problem:internal_error",
        "title": "Something went wrong on our side",
        "status": 500,
        "detail": "Something went wrong on our side",
        "instance": "urn:tickbox:request:mine",
        "code": "internal_error",
        "params": {},
        "errors": [],
    }
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "unhandled error in request mine"
    assert record.exc_info is not None


async def test_cause_of_an_error_is_logged_by_its_type_only(
    failing: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await failing.get("/fails/from-another")

    assert (response.status_code, response.json()["code"]) == (503, "database_busy")
    assert response.headers["retry-after"] == "1"
    assert CANARY not in response.text
    [record] = caplog.records
    assert record.getMessage() == "database_busy: KeyError"


async def test_error_tells_its_details(failing: AsyncClient) -> None:
    response = await failing.get("/fails/in-detail")

    assert not list(faults(response))
    assert (response.status_code, response.headers["x-more"]) == (409, "yes")
    problem = response.json()
    assert (problem["detail"], problem["params"]) == ("It is.", {"id": 7})
    assert problem["title"] == "This id is taken"


async def test_error_names_its_field(failing: AsyncClient) -> None:
    response = await failing.get("/fails/at-a-field")

    assert not list(faults(response))
    assert response.json()["errors"] == [
        {"pointer": "/a~1b/0", "code": "required", "message": "is required", "in": "body"}
    ]


async def test_answer_that_fails_halfway_is_cut_off(failing: AsyncClient) -> None:
    """What has left cannot be taken back: the server closes the connection."""
    with pytest.raises(RuntimeError, match=CANARY):
        await failing.get("/fails/halfway")


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1/nowhere",
        "/v1/todos/",
        "/v1/TODOS",
        "/v2/todos",
        "/v1/todos/01936b7e-8f00-7000-8000-000000000000/nowhere",
        "/docs/",
        "/docs/assets",
        "/docs/assets/",
        "/docs/assets/nowhere.js",
        "/favicon.ico",
        "/.env",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "INVENTED"])
async def test_address_where_nothing_is_is_a_problem(
    client: AsyncClient, path: str, method: str
) -> None:
    response = await client.request(method, path)

    assert not list(faults(response))
    if path.startswith("/docs/assets/") and method not in ("GET", "HEAD"):
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
        return
    assert response.status_code == 404
    if method != "HEAD":
        assert response.json()["code"] == "route_not_found"
