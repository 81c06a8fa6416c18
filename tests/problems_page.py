"""`docs/problems.md`, made from the code: `python -m tests.problems_page` writes it anew."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from app import main
from app.core.errors import AppError
from app.web import problem_details

# `main` imports every feature, and so all of their errors.
_CODE = Path(main.__file__).parent
PATH = _CODE.parent / "docs" / "problems.md"

# How a code and its message are given, where that is by position.
_POSITIONS = {"PydanticCustomError": (0, 1), "FieldError": (1, 2), "at": (1, 2)}
_KEYWORDS = ("custom_error_type", "custom_error_message")

_PAGE = """\
# Problems

Made from the code by `python -m tests.problems_page`; a test fails when it differs.

An answer of 400 and above is a problem document (RFC 9457, `application/problem+json`). Go by its
`code`: it never changes its meaning, while `title` and `detail` are for people. `type` is
`urn:tickbox:problem:` and the code; `instance` is `urn:tickbox:request:` and the `X-Request-Id`.

| Status | Code | Title |
| --- | --- | --- |
{problems}

## Fields

Where a part of the input is the problem, `errors` says which, and what is wrong with it:
`{{"pointer": "/due/date", "in": "body", "code": "invalid_date", "message": "…"}}`. `pointer` is a
JSON Pointer (RFC 6901) into the body, or names a parameter of the query, the path or the headers.

| Code | Message |
| --- | --- |
{fields}

## OAuth

`/v1/oauth/*` answers as RFC 6749, section 5.2, says: `{{"error": "…", "error_description": "…"}}`.

| Status | Error | Description |
| --- | --- | --- |
{oauth}
"""


def problems() -> list[type[AppError]]:
    """The errors that are answered by a problem document."""
    return [error for error in _registry() if error.media_type == AppError.media_type]


def oauth_errors() -> list[type[AppError]]:
    """Those that OAuth clients know."""
    return [error for error in _registry() if error.media_type != AppError.media_type]


def _registry() -> list[type[AppError]]:
    # Other tests may have made errors of their own.
    ours = [error for error in AppError.registry() if error.__module__.startswith("app.")]
    return sorted(ours, key=lambda error: (error.status, error.code))


def field_codes() -> dict[str, set[str]]:
    """What the entries in a problem's `errors` may say: each code, and its messages."""
    messages: dict[str, set[str]] = defaultdict(set)
    for code, message in problem_details.FIELD_CODES.values():
        messages[code].add(message)
    for path in _CODE.rglob("*.py"):
        for code, message in _field_errors(ast.parse(path.read_text()), ""):
            messages[code].add(message)
    return messages


def _field_errors(node: ast.AST, own_code: str) -> Iterator[tuple[str, str]]:
    """The codes and messages in a piece of code; `own_code` is what `self.code` is there."""
    if isinstance(node, ast.ClassDef):
        for line in node.body:
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "code":
                own_code = _text(line.value, "")
    if isinstance(node, ast.Call):
        function = ast.unparse(node.func).rpartition(".")[2]
        arguments = [node.args[at] for at in _POSITIONS.get(function, ()) if at < len(node.args)]
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        arguments += [keywords[name] for name in _KEYWORDS if name in keywords]
        texts = [_text(argument, own_code) for argument in arguments]
        if len(texts) == 2 and all(texts):
            yield texts[0], texts[1]
    for child in ast.iter_child_nodes(node):
        yield from _field_errors(child, own_code)


def _text(node: ast.expr, own_code: str) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, own_code) for part in parts)
        case ast.FormattedValue(value=value):
            return "{" + ast.unparse(value).lower() + "}"
        case ast.Attribute(attr="code"):
            return own_code
        case _:
            return ""


def page() -> str:
    """The page's text."""
    return _PAGE.format(
        problems=_rows(problems()),
        fields="\n".join(
            f"| `{code}` | {'; '.join(sorted(messages))} |"
            for code, messages in sorted(field_codes().items())
        ),
        oauth=_rows(oauth_errors()),
    )


def _rows(errors: list[type[AppError]]) -> str:
    return "\n".join(f"| {error.status} | `{error.code}` | {error.title} |" for error in errors)


if __name__ == "__main__":
    PATH.write_text(page())
