"""What every answer of Tickbox keeps to, whatever was asked."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from httpx import Response
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from tests.problems_page import field_codes, oauth_errors, problems
from tests.web.operations import DOCUMENT, Operation

# What is sent to see whether it comes back; nothing else looks like it.
CANARY = "canary7f3a91"

_PROBLEMS = {error.code: error for error in problems()}
_OAUTH_ERRORS = {error.code: error for error in oauth_errors()}
_FIELD_CODES = frozenset(field_codes())
_SANE_ID = re.compile(r"[A-Za-z0-9._~+/=-]{1,128}")
# Which say nothing that a client of this API would have to know.
_PLAIN_HEADERS = {
    "cache-control", "connection", "content-length", "content-type", "date", "pragma", "vary"
}  # fmt: skip
# What browsers are told, with every answer.
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def _closed(part: Any) -> Any:
    """The same, but no object has fields that are not listed.

    Clients are to expect new ones, and the document to have each as soon as it is answered.
    """
    if isinstance(part, list):
        return [_closed(item) for item in part]
    if not isinstance(part, dict):
        return part
    closed = {name: _closed(value) for name, value in part.items()}
    if isinstance(closed.get("properties"), dict) and closed.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


_COMPONENTS = {"schemas": _closed(DOCUMENT["components"]["schemas"])}


def schema_errors(schema: Mapping[str, Any], value: Any) -> Iterator[str]:
    """Where a value is not as a schema of the document says, or has a field that is not listed."""
    validator = OAS31Validator(
        {**schema, "components": _COMPONENTS}, format_checker=oas31_format_checker
    )
    for error in validator.iter_errors(value):
        yield f"{error.json_path}: {error.message}"


def faults(response: Response) -> Iterator[str]:
    """What an answer breaks of the contract: never 5xx, errors in their form, nothing echoed."""
    yield from security_faults(response)
    if response.status_code >= 500:
        yield "is a 5xx"
    if not _SANE_ID.fullmatch(response.headers.get("x-request-id", "")):
        yield "has no request id"
    if response.status_code < 400:
        return
    if CANARY in response.text or CANARY in str(response.headers):
        yield "echoes what was sent"
    if response.headers.get("cache-control") != "no-store":
        yield "is an error that may be stored"
    if response.request.method == "HEAD":
        return
    if response.headers["content-type"] == "application/problem+json":
        yield from _problem_faults(response)
    elif response.headers["content-type"] == "application/json":
        yield from _oauth_faults(response)
    else:
        yield f"is {response.headers['content-type']}"


def security_faults(response: Response) -> Iterator[str]:
    """What a browser is not told, or not once."""
    for name, value in SECURITY_HEADERS.items():
        if response.headers.get_list(name) != [value]:
            yield f"has not {name} as it should be"


def _problem_faults(response: Response) -> Iterator[str]:
    problem = response.json()
    yield from schema_errors({"$ref": "#/components/schemas/Problem"}, problem)
    error = _PROBLEMS.get(problem["code"])
    if error is None or error.status != problem["status"] or error.title != problem["title"]:
        yield f"is {problem['code']}, which is not as in the registry"
    if problem["status"] != response.status_code:
        yield "has another status inside"
    if not problem["type"].endswith(f":{problem['code']}"):
        yield "has another code in its type"
    if problem["instance"] != f"urn:tickbox:request:{response.headers['x-request-id']}":
        yield "has another request id inside"
    for field in problem["errors"]:
        if field["code"] not in _FIELD_CODES:
            yield f"has the field code {field['code']}, which is not in docs/problems.md"


def _oauth_faults(response: Response) -> Iterator[str]:
    """RFC 6749, section 5.2."""
    if not response.request.url.path.startswith("/v1/oauth/"):
        yield "is an OAuth error elsewhere"
    if response.status_code not in (400, 401):
        yield "has a status that OAuth does not know"
    body = response.json()
    yield from schema_errors({"$ref": "#/components/schemas/OAuthErrorResponse"}, body)
    if body["error"] not in _OAUTH_ERRORS:
        yield f"is {body['error']}, which is not in the registry"


def document_faults(response: Response, operation: Operation) -> Iterator[str]:
    """Where an answer is not as the document says of the operation."""
    documented = operation.responses.get(str(response.status_code))
    if documented is None:
        yield f"has the status {response.status_code}, which is not documented"
        return
    content = documented.get("content", {})
    if content:
        kind = response.headers["content-type"]
        if kind not in content:
            yield f"is {kind}, which is not documented"
        else:
            yield from schema_errors(content[kind]["schema"], response.json())
            codes = content[kind].get("examples", documented.get("x-problems", ()))
            yield from _code_faults(codes, response)
    elif response.content:
        yield "has a body, which is not documented"
    names = {name.lower() for name in documented["headers"]}
    names |= _PLAIN_HEADERS | SECURITY_HEADERS.keys()
    for name in set(response.headers) - names:
        yield f"has the header {name}, which is not documented"


def _code_faults(codes: Collection[str], response: Response) -> Iterator[str]:
    body = response.json()
    code = body.get("code", body.get("error")) if response.status_code >= 400 else None
    if code is not None and code not in codes:
        yield f"is {code}, which is not documented"
