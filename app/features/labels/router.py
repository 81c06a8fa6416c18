"""`/v1/labels`."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.core.errors import CursorInvalid, Forbidden, IdTaken, NotFound, QuotaExceeded
from app.core.schemas import JsonPage, JsonRow
from app.features.labels.dependencies import ReadLabels, WriteLabels
from app.features.labels.errors import LabelNameTaken
from app.features.labels.schemas import LabelCreate, LabelPage, LabelQuery, LabelRead, LabelUpdate
from app.web.dependencies import ExpectedVersion
from app.web.openapi.problems import problems
from app.web.routing import Feature, permits
from app.web.routing import router as new_router

router = new_router("/v1/labels", "labels", cached=True)
# Its scopes are those of todos.
FEATURE = Feature(
    tag="labels",
    description="Names that todos have. A label is its owner's, and on todos of the owner's "
    "projects; to put a new name on a todo makes it.",
    routers=(router,),
)


@router.get(
    "",
    operation_id="list_labels",
    response_model=LabelPage,
    responses=problems(CursorInvalid),
)
@permits("own")
async def list_labels(labels: ReadLabels, query: Annotated[LabelQuery, Query()]) -> JsonPage:
    """List labels.

    Your own, or those on todos of a project.
    """
    return await labels.list(query)


@router.post(
    "",
    status_code=201,
    operation_id="create_label",
    response_model=LabelRead,
    responses=problems(IdTaken, LabelNameTaken, Forbidden, QuotaExceeded),
)
@permits("own", elsewhere=403)
async def create_label(labels: WriteLabels, data: LabelCreate) -> JsonRow:
    """Create a label.

    You are its owner. Names that differ in case or width alone are the same.
    """
    return await labels.create(data)


@router.get(
    "/{label_id}",
    operation_id="get_label",
    response_model=LabelRead,
    responses=problems(NotFound),
)
@permits("viewer")
async def get_label(labels: ReadLabels, label_id: UUID) -> JsonRow:
    """Read a label.

    Your own, or one on todos of a project that you see.
    """
    return await labels.read(label_id)


@router.patch(
    "/{label_id}",
    operation_id="update_label",
    response_model=LabelRead,
    responses=problems(NotFound, Forbidden, LabelNameTaken),
)
@permits("owner")
async def update_label(
    labels: WriteLabels, label_id: UUID, data: LabelUpdate, expected: ExpectedVersion
) -> JsonRow:
    """Change a label.

    A merge patch (RFC 7396): only the fields that you send change, and `null` clears. A new name
    reaches every todo that has it, in archived projects too, and raises their versions. Only its
    owner may.
    """
    return await labels.update(label_id, data, expected)


@router.delete(
    "/{label_id}",
    status_code=204,
    operation_id="delete_label",
    responses=problems(NotFound, Forbidden),
)
@permits("owner")
async def delete_label(labels: WriteLabels, label_id: UUID, expected: ExpectedVersion) -> None:
    """Delete a label.

    It is taken off every todo that has it, which raises their versions. Only its owner may.
    """
    await labels.delete(label_id, expected)
