"""Requests of each kind, and the statements that each may cost."""

from typing import Any
from unittest.mock import ANY

from tests.people import PASSWORD

Json = dict[str, Any]
READ = [ANY]


class Begins:
    """The command that begins a transaction, and asks for the account in the same round trip."""

    def __eq__(self, sql: object) -> bool:
        return str(sql).startswith("BEGIN; EXECUTE hold_account")

    def __hash__(self) -> int:
        return 0


BEGIN = Begins()
WRITE = [BEGIN, ANY, "COMMIT"]
# The row is locked and read; then it is changed.
CHANGE = [BEGIN, ANY, ANY, "COMMIT"]
LABELLED = [BEGIN, ANY, ANY, ANY, "COMMIT"]
# The lock of the project, the labels, the parent, the row; then the parent is changed.
SUBTASK = [BEGIN, ANY, ANY, ANY, ANY, ANY, "COMMIT"]
# The completion is a row of its own.
COMPLETE = [BEGIN, ANY, ANY, ANY, "COMMIT"]

WEEKLY = {
    "due": {"date": "2026-11-30"},
    "recurrence": {"rrule": "FREQ=WEEKLY", "repeat_from": "due"},
}
# Locks of projects, what is there, the rows; then they are changed.
MOVE = [BEGIN, ANY, ANY, ANY, ANY, "COMMIT"]

# The lock of the project or the tree, the rows; then they are changed.
TRASH = [BEGIN, ANY, ANY, ANY, "COMMIT"]

REQUESTS: list[tuple[str, str, Json | None, list[Any]]] = [
    ("GET", "/v1/todos", None, READ),
    ("GET", "/v1/todos?limit=1&sort=due&completed=false&priority=high", None, READ),
    ("GET", "/v1/todos?project_id={project}&sort=position&parent_id=none", None, READ),
    ("GET", "/v1/todos?overdue=true&due_after=2026-11-22T09:00:00Z&sort=-title", None, READ),
    ("GET", "/v1/todos?include_total=true&overdue=false&limit=1", None, READ),
    ("GET", "/v1/todos?q=book%20t&completed=false&limit=1", None, READ),
    ("GET", "/v1/todos?q=book&sort=due", None, READ),
    ("GET", "/v1/todos/{todo}", None, READ),
    ("GET", "/v1/todos/{repeating}/completions", None, READ),
    ("GET", "/v1/todos/{repeating}/completions?limit=1&include_total=true", None, READ),
    ("GET", "/v1/todos/{repeating}/occurrences", None, READ),
    ("GET", "/v1/todos/{todo}/activity", None, READ),
    ("GET", "/v1/todos/{todo}/activity?limit=1&include_total=true", None, READ),
    ("GET", "/v1/projects/{project}/activity", None, READ),
    ("GET", "/v1/projects/{project}/activity?limit=1&include_total=true", None, READ),
    ("GET", "/v1/todos/{todo}/comments", None, READ),
    ("GET", "/v1/todos/{todo}/comments?limit=1&sort=created_at&include_total=true", None, READ),
    ("GET", "/v1/todos/{todo}/comments/{comment}", None, READ),
    ("GET", "/v1/views/today", None, READ),
    ("GET", "/v1/views/upcoming?days=30&project_id={project}&priority=high", None, READ),
    ("GET", "/v1/views/overdue?include_total=true&sort=-due", None, READ),
    ("GET", "/v1/counts?by=project", None, READ),
    ("GET", "/v1/counts?by=label&include_total=true", None, READ),
    ("GET", "/v1/projects", None, READ),
    ("GET", "/v1/projects?include_total=true", None, READ),
    ("GET", "/v1/projects/{project}", None, READ),
    ("GET", "/v1/projects/{project}/members", None, READ),
    ("GET", "/v1/projects/{project}/members?limit=1&include_total=true", None, READ),
    ("GET", "/v1/projects/{project}/invitations?include_total=true", None, READ),
    ("GET", "/v1/invitations", None, READ),
    ("GET", "/v1/invitations?limit=1&include_total=true", None, READ),
    ("GET", "/v1/todos?label=home&label=new&label_all=home", None, READ),
    ("GET", "/v1/labels", None, READ),
    ("GET", "/v1/labels?project_id={project}&sort=name&include_total=true", None, READ),
    ("GET", "/v1/labels/{label}", None, READ),
    ("GET", "/v1/users/me", None, READ),
    ("GET", "/v1/sessions", None, READ),
    ("GET", "/v1/sessions?limit=1&include_total=true", None, READ),
    ("POST", "/v1/todos", {"title": "Book the train"}, WRITE),
    ("POST", "/v1/todos", {"title": "Water", "project_id": "{project}"}, WRITE),
    ("POST", "/v1/todos/quick", {"text": "Water every day at 9 #garden @home"}, LABELLED),
    ("POST", "/v1/todos/quick", {"text": "Water tomorrow at 9 #garden"}, CHANGE),
    ("POST", "/v1/todos/quick", {"text": "Water tomorrow"}, CHANGE),
    ("POST", "/v1/todos/quick", {"text": "Water tomorrow", "timezone": "UTC"}, WRITE),
    ("POST", "/v1/todos/quick", {"text": "Water tomorrow", "dry_run": True}, WRITE),
    ("POST", "/v1/projects", {"name": "Garden"}, WRITE),
    ("POST", "/v1/labels", {"name": "Label {turn}"}, WRITE),
    (
        "POST",
        "/v1/projects/{project}/invitations",
        {"email": "grace@example.com", "role": "viewer"},
        LABELLED,
    ),
    ("POST", "/v1/todos/{todo}/comments", {"body": "Sold out."}, WRITE),
    ("PATCH", "/v1/todos/{todo}/comments/{comment}", {"body": "Seats {turn}"}, CHANGE),
    ("PATCH", "/v1/todos/{todo}/comments/{comment}", {}, WRITE),
    # The labels are held first, and made if they are new.
    ("POST", "/v1/todos", {"title": "Pack", "labels": ["home", "new {turn}"]}, CHANGE),
    ("POST", "/v1/todos", {"title": "Hat", "parent_id": "{parent}", "labels": ["home"]}, SUBTASK),
    ("PATCH", "/v1/todos/{todo}", {"labels": ["home", "new {turn}"]}, LABELLED),
    ("PATCH", "/v1/todos/{todo}", {"labels": []}, CHANGE),
    ("PATCH", "/v1/labels/{label}", {"color": "#{turn:06}"}, CHANGE),
    # Todos that have it are looked for; there are none.
    ("PATCH", "/v1/labels/{label}", {"name": "Name {turn}"}, LABELLED),
    ("PATCH", "/v1/todos/{todo}", {"title": "Ship {turn}"}, CHANGE),
    ("PATCH", "/v1/todos/{todo}", {"completed": True, "title": "Sailed {turn}"}, CHANGE),
    ("POST", "/v1/todos", {"title": "Water", **WEEKLY}, WRITE),
    ("PATCH", "/v1/todos/{repeating}", {"completed": True}, COMPLETE),
    ("PATCH", "/v1/todos/{repeating}", {"title": "Water {turn}"}, CHANGE),
    ("POST", "/v1/todos/{todo}/move", {"last": True, "parent_id": "{parent}"}, MOVE),
    ("POST", "/v1/todos/{todo}/move", {"last": True, "project_id": "{project}"}, MOVE),
    ("POST", "/v1/todos/{todo}/move", {"after": "{parent}"}, MOVE),
    ("PATCH", "/v1/projects/{project}", {"name": "Balcony {turn}"}, CHANGE),
    ("GET", "/v1/trash", None, READ),
    ("GET", "/v1/trash?include_total=true&limit=1", None, READ),
    ("DELETE", "/v1/todos/{trashed}", None, TRASH),
    ("POST", "/v1/todos/{trashed}/restore", None, TRASH),
    ("DELETE", "/v1/projects/{shed}", None, TRASH),
    ("POST", "/v1/projects/{shed}/restore", None, TRASH),
    ("PATCH", "/v1/users/me", {"display_name": "Ada {turn}"}, CHANGE),
    ("DELETE", "/v1/sessions", None, WRITE),
    # The password is checked before there is a transaction.
    (
        "POST",
        "/v1/users/me/password",
        {"current": PASSWORD, "new": PASSWORD},
        [ANY, BEGIN, ANY, ANY, "COMMIT"],
    ),
    ("GET", "/livez", None, []),
    ("GET", "/.well-known/jwks.json", None, []),
    ("GET", "/.well-known/oauth-authorization-server", None, []),
    # What is refused for its input does not come so far.
    ("GET", "/v1/todos?limit=0", None, []),
    ("GET", "/v1/todos?cursor=x", None, []),
    ("GET", "/v1/todos?q=-", None, []),
    ("GET", "/v1/todos?sort=relevance", None, []),
    ("POST", "/v1/todos", {"title": ""}, []),
    ("POST", "/v1/users", {"email": "ada@example.com", "password": "short"}, []),
    # What finds nothing to change, or that nothing changes, ends there.
    # It looks twice, since it may have been moved to another project while it waited.
    ("PATCH", "/v1/todos/{project}", {"title": "Book"}, [BEGIN, ANY, ANY, "ROLLBACK"]),
    ("POST", "/v1/todos/{project}/move", {"last": True}, [BEGIN, ANY, "ROLLBACK"]),
    ("POST", "/v1/todos/{parent}/move", {"before": "{parent}"}, [BEGIN, ANY, ANY, ANY, "COMMIT"]),
    ("PATCH", "/v1/todos/{todo}", {}, WRITE),
]
