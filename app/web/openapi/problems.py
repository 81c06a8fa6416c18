"""Problems in the OpenAPI document: their schema, and which a route may answer with."""

from typing import Any, Literal

from fastapi.utils import deep_dict_update
from pydantic import ConfigDict, Field
from typing_extensions import TypeAliasType

from app.core.errors import AppError
from app.core.schemas import Schema

PROBLEM_JSON = AppError.media_type
# An extension of OpenAPI.
PROBLEMS = "x-problems"
SCHEMA = "#/components/schemas/{model}"

Json = dict[str, Any]
InputPart = TypeAliasType("InputPart", Literal["body", "query", "path", "header"])


class FieldProblem(Schema):
    """One thing that is wrong with the input."""

    model_config = ConfigDict(serialize_by_alias=True)

    pointer: str = Field(description="Where (RFC 6901): in the body, or the parameter's name.")
    code: str = Field(description="What, for programs.")
    message: str = Field(description="What, in words.")
    location: InputPart = Field(alias="in", description="Which part of the request.")


class Problem(Schema):
    """What went wrong (RFC 9457). `code` never changes its meaning; go by it."""

    type: str = Field(description="The kind of problem, as a URN.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(description="The HTTP status, again.")
    detail: str = Field(description="This very problem, in words.")
    instance: str = Field(description="This very request, as a URN.")
    code: str = Field(description="The kind of problem, for programs.")
    params: dict[str, Any] = Field(description="What a translation of `detail` would need.")
    errors: list[FieldProblem] = Field(
        description="What is wrong with which part of the input, where that is the problem."
    )


def problems(*kinds: type[AppError]) -> dict[int | str, Json]:
    """The `responses` of a route that may answer with these errors, with what each code means."""
    responses: dict[int | str, Json] = {}
    for error in kinds:
        content = {"schema": {"$ref": SCHEMA.format(model=Problem.__name__)}}
        response = {"content": {PROBLEM_JSON: content}, PROBLEMS: {error.code: error.title}}
        deep_dict_update(responses, {str(error.status): response})
    return responses
