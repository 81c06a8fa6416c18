"""`docs/permissions.md`, made from what each route declares.

`python -m tests.permissions_page` writes it anew.
"""

from collections.abc import Mapping
from pathlib import Path

from fastapi.routing import APIRoute

from app import main
from app.web.routing import Access
from tests.web.operations import APP, OPERATIONS, Operation

PATH = Path(main.__file__).parent.parent / "docs" / "permissions.md"

MEMBERS = ("owner", "editor", "viewer")
OTHERS = ("invited", "stranger")
PEOPLE = (*MEMBERS, *OTHERS)
LIMITED, UNSCOPED = "limited token", "lacking scope"
COLUMNS = (*PEOPLE, LIMITED, UNSCOPED)
NONE = "\u2013"

_PAGE = """\
# Who may do what

Made from the code by `python -m tests.permissions_page`; a test walks all of it.

The columns are who asks: a member of the project that the request names, by role; somebody who was
invited to it and has not answered; a stranger; whoever may, by a token that is limited to another
project; and by one that lacks the scope. `own` is what is the caller's, and nobody else's. A label
is the project owner's, on a todo there, and so is a comment: whoever wrote one, the `author`, may
change and delete it. Everybody but the owner may leave a project, which is
`delete_member` of oneself. A dash: there is no such token.

| Operation | Needs | {columns} |
| --- | --- |{rules}
{rows}
"""


def access() -> Mapping[str, Access]:
    """What each route declares, by its operation; public ones declare nothing."""
    return {
        str(route.operation_id): route.endpoint.access
        for route in APP.routes
        if isinstance(route, APIRoute) and hasattr(route.endpoint, "access")
    }


def statuses(operation: Operation, declared: Access) -> dict[str, int | None]:
    """What each column is answered; None: there is no such token."""
    done = max(int(status) for status in operation.responses if status < "300")
    is_account = not operation.scopes or "account:manage" in operation.scopes
    found: dict[str, int | None]
    role = "owner" if declared.role == "author" else declared.role
    if role in MEMBERS:
        may = MEMBERS[: MEMBERS.index(role) + 1]
        members = dict.fromkeys(MEMBERS, 403) | dict.fromkeys(may, done)
        found = {**members, **dict.fromkeys(OTHERS, 404)}
    elif declared.role == "own":
        found = dict.fromkeys(PEOPLE, done)
    elif declared.role == "invited":
        found = {**dict.fromkeys(PEOPLE, 404), "invited": done}
    else:
        # Whoever has the token of an invitation.
        found = {**dict.fromkeys(MEMBERS, 409), **dict.fromkeys(OTHERS, done)}
    elsewhere = declared.elsewhere or (done if declared.role == "own" else 404)
    found[LIMITED] = None if is_account else elsewhere
    found[UNSCOPED] = 403 if operation.scopes else None
    return found


def page() -> str:
    """The page's text."""
    declared = access()
    secured = (operation for operation in OPERATIONS if operation.scopes is not None)
    rows = (_row(each, declared[each.id]) for each in sorted(secured, key=str))
    return _PAGE.format(
        columns=" | ".join(COLUMNS),
        rules=" --- |" * len(COLUMNS),
        rows="\n".join(rows),
    )


def _row(operation: Operation, declared: Access) -> str:
    answers = statuses(operation, declared).values()
    cells = (NONE if each is None else str(each) for each in answers)
    return f"| `{operation}` | {declared.role} | {' | '.join(cells)} |"


if __name__ == "__main__":
    PATH.write_text(page())
