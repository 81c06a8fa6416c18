"""What Schemathesis has to know of Tickbox that no document can say."""

from collections import Counter
from threading import Lock
from typing import Any
from uuid import uuid4

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData

from tests.contract.links import link_creates
from tests.contract.people import EMAIL, People, new_email, session_of

Json = dict[str, Any]

# What is wrong only because of what else there is, or of what a JSON Schema has no words for: a
# request may be as the document says, and refused for one of these.
_BEYOND_SCHEMAS = {
    # What there is.
    "version_conflict": "which version it has now",
    "cursor_invalid": "which cursors were signed, for which query",
    "password_incorrect": "which password the account has",
    # What the settings and the blocklist say, of a text that was normalised.
    "password_too_short": "how short is too short",
    "password_too_long": "how long a password is once it is normalised",
    "password_too_common": "which passwords are common",
    # What takes two parameters together.
    "sort_needs_project": "that a sort needs one `project_id`",
    "sort_needs_search": "that a sort needs `q`",
    "place_ambiguous": "that a place is exactly one of four fields",
    "recurrence_needs_due": "that a recurrence needs a `due`",
    "rrule_too_fine": "that what is due all day repeats by days",
    # What RFC 5545 and the calendar say.
    "rrule_invalid": "which parts a rule may have",
    "rrule_ends": "whether anything follows the due",
    # What is left of a text.
    "too_short": "that white space around it does not count",
    "no_words": "that punctuation is no word",
    # What goes by tables and calendars that change.
    "invalid_email": "which domains have no mail (`.test`)",
    "unknown_timezone": "which names the time zone database has",
    "invalid_date_or_instant": "how many days a month has",
    "invalid_datetime": "how many days a month has",
}


class Answers:
    """How often each operation was answered with which status."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()
        self._lock = Lock()

    def add(self, operation: str, status: int) -> None:
        with self._lock:
            self.counts[operation, status] += 1


def install(people: People) -> Answers:
    """Register the hooks; what they see of answers is in what is returned."""
    answers = Answers()

    @schemathesis.hook
    def before_load_schema(context: HookContext, raw_schema: Json) -> None:
        """The check of ignored authentication knows API keys, Basic and Bearer, but no OAuth.

        Access tokens are bearer tokens. `OAuth2` stays, so that its token URL is known as one.
        Walks need links.
        """
        raw_schema["components"]["securitySchemes"]["Bearer"] = {
            "type": "http",
            "scheme": "bearer",
        }
        for operations in raw_schema["paths"].values():
            for operation in operations.values():
                if operation["security"]:
                    operation["security"] = [{"Bearer": []}]
        link_creates(raw_schema["paths"])

    @schemathesis.hook
    def before_call(context: HookContext, case: Case[Any], kwargs: Json) -> None:
        _mend(case, people)

    @schemathesis.hook
    def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
        answers.add(_operation(case), response.status_code)

    @schemathesis.hook
    def filter_failure(
        context: HookContext, failure: Failure, case: Case[Any], response: Response
    ) -> bool:
        """Whether it is one: a valid request that was refused is none, for these reasons."""
        if not isinstance(failure, RejectedPositiveData):
            return True
        problem = response.json()
        codes = {error["code"] for error in problem.get("errors", [])} or {problem.get("code")}
        return not codes <= _BEYOND_SCHEMAS.keys()

    return answers


def _operation(case: Case[Any]) -> str:
    return str(case.operation.definition.raw["operationId"])


def _mend(case: Case[Any], people: People) -> None:
    """Make a request good where it only repeats, or would end what the next ones need."""
    meta = case.meta
    if meta is None:
        return
    if "Idempotency-Key" in case.headers and not meta.is_negative_at(ParameterLocation.HEADER):
        # "New for each request", says its description.
        case.headers["Idempotency-Key"] = str(uuid4())
    if meta.phase.name is not TestPhase.STATEFUL and not meta.is_negative_at(
        ParameterLocation.HEADER
    ):
        # A guess at the version is 412 each time, and nothing else is seen; links know it.
        case.headers.pop("If-Match", None)
    operation = _operation(case)
    body = case.body if operation == "create_user" else None
    if isinstance(body, dict) and body.get("email") == EMAIL:
        # The example's address is taken when it is sent again.
        body["email"] = new_email()
    if case.auth_identity is None:
        return
    scheme, _, token = case.headers["Authorization"].partition(" ")
    if operation in ("delete_current_user", "change_password"):
        # Somebody else's account, who is needed for nothing else.
        case.headers["Authorization"] = f"{scheme} {people.sign_in(people.sign_up())}"
    elif operation == "delete_session" and case.path_parameters["session_id"] == session_of(token):
        # Another one of the same person's.
        another = people.sign_in(people.email_of(token))
        case.path_parameters["session_id"] = session_of(another)
