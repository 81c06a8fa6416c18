"""Who has a transaction, on every route, and who may end one (design.md, rules 1, 2 and 13)."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from app.web import dependencies as dependencies_of_routes
from tests.web.operations import APP

CODE = Path(__file__).parents[2] / "app"
ROUTES = [
    context.original_route
    for context in iter_route_contexts(APP.routes)
    if isinstance(context.original_route, APIRoute) and context.original_route.include_in_schema
]


def dependencies(dependant: Dependant) -> Iterator[Dependant]:
    for dependency in dependant.dependencies:
        yield dependency
        yield from dependencies(dependency)


def named(route: APIRoute) -> str:
    return route.operation_id or route.path


def test_there_are_routes() -> None:
    assert {"create_todo", "list_todos", "create_user", "create_token"} <= set(map(named, ROUTES))


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_writes_have_one_and_reads_have_none(route: APIRoute) -> None:
    calls = [dependency.call for dependency in dependencies(route.dependant)]
    # A question that is asked by POST, so that no log has its token (RFC 7662, section 2.1).
    is_read = route.methods == {"GET"} or named(route) == "introspect_token"
    assert (dependencies_of_routes._unit_of_work in calls) != is_read


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_it_ends_before_the_answer_leaves_and_nothing_hops_to_a_thread(route: APIRoute) -> None:
    assert inspect.iscoroutinefunction(inspect.unwrap(route.endpoint))
    for dependency in dependencies(route.dependant):
        call = dependency.call
        assert call is not None
        if call is dependencies_of_routes._unit_of_work:
            assert dependency.scope == "function"
        elif not inspect.iscoroutinefunction(call):
            assert inspect.iscoroutinefunction(type(call).__call__), call


def code(pattern: str) -> set[str]:
    """The modules in which there is such code."""
    return {
        str(path.relative_to(CODE))
        for path in CODE.rglob("*.py")
        if re.search(pattern, path.read_text())
    }


def test_nobody_else_begins_or_ends_one() -> None:
    says = r"\"(BEGIN|COMMIT|ROLLBACK|SAVEPOINT)\b|\.(commit|rollback|begin|begin_nested)\("
    assert code(says) == {"database/unit_of_work.py"}


def test_nobody_else_knows_what_time_it_is() -> None:
    # A position is no instant: it only has to be later than the one before.
    assert code(r"\bnow\(UTC\)|\.utcnow\(|time_ns\(|\btime\.time\(") == {
        "core/clock.py",
        "core/positions.py",
    }
    assert code(r"uuid_utils|uuid[147]\(") == {"core/clock.py"}
