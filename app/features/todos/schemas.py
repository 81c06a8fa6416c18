"""Schemas of todos."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
)
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from app.core.instants import InstantParameter
from app.core.schemas import (
    Flag,
    IdOrNone,
    Input,
    Instant,
    ListQuery,
    NewId,
    Page,
    Patch,
    QueryFlag,
    Schema,
    absent_or,
)
from app.core.text_rules import OneLine, Storable
from app.features.due.schemas import DateOrInstantParameter, Due
from app.features.labels.schemas import MAX_LABELS, LabelName, LabelNames
from app.features.projects.places import Place
from app.features.recurrence.schemas import Recurrence
from app.features.todos.models import MAX_MATCHES, PRIORITIES, PriorityName
from app.features.todos.words import words

Priority = TypeAliasType("Priority", PriorityName)
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    Storable,
    OneLine,
]
Description = Annotated[str, StringConstraints(max_length=50_000), Storable]
# Those that every list of todos has.
SortName = Literal[
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "completed_at",
    "-completed_at",
    "due",
    "-due",
    "priority",
    "-priority",
    "title",
    "-title",
    "position",
    "-position",
]
CountedBy = TypeAliasType("CountedBy", Literal["project", "label"])
CountSort = TypeAliasType("CountSort", Literal["created_at", "-created_at"])
TodoSort = TypeAliasType("TodoSort", Literal[SortName, "relevance"])


def _refuse_no_words(text: str) -> str:
    if not words(text):
        raise PydanticCustomError("no_words", "must have a letter, a digit or a symbol")
    return text


SearchText = Annotated[
    str, StringConstraints(max_length=100), Storable, AfterValidator(_refuse_no_words)
]

_LABELS = (
    "Names of labels of the project's owner, all that it is to have; new ones are made. Case and "
    "width do not count: one that is there keeps its own."
)
_EXAMPLE: JsonDict = {
    "title": "Book the train",
    "due": {"date": "2026-11-30"},
    "priority": "high",
}


class TodoCreate(Input):
    """A new todo. Left-out fields take the values shown as defaults."""

    model_config = {"json_schema_extra": {"examples": [_EXAMPLE]}}

    id: NewId | None = Field(None, description="Your own UUIDv7; one is made if you send none.")
    project_id: UUID | None = Field(
        None,
        description="Left out: the parent's project, or without a parent your Inbox.",
    )
    parent_id: UUID | None = Field(None, description="The todo that this is a subtask of.")
    title: Title
    description: Description | None = Field(None, description="Markdown.")
    completed: Flag = False
    priority: Priority = "none"
    due: Due | None = None
    recurrence: Recurrence | None = Field(None, description="It needs a `due`.")
    labels: LabelNames = Field([], description=_LABELS)


class TodoUpdate(Patch):
    """A merge patch of a todo: only what you send changes."""

    model_config = {"json_schema_extra": {"examples": [{"completed": True}, {"due": None}]}}

    title: Title = ""
    description: Description | None = Field(None, description="Markdown.")
    completed: Flag = False
    priority: Priority = "none"
    due: Due | None = None
    recurrence: Recurrence | None = Field(None, description="It needs a `due`.")
    labels: LabelNames = Field([], description=_LABELS)


class TodoMove(Place):
    """Where a todo goes; its subtasks go with it."""

    model_config = {"json_schema_extra": {"examples": [{"first": True}]}}

    project_id: UUID = absent_or(
        description="The project to go to; without `parent_id` to its top level."
    )
    parent_id: UUID | None = Field(
        None,
        description="The todo to go below, or `null` for the top level. Left out, with no other "
        "project: it stays below the same todo.",
    )


class TodoRead(Schema):
    """A todo."""

    id: UUID
    version: int = Field(description="Raised by every change; the `ETag` holds it too.")
    project_id: UUID
    parent_id: UUID | None
    title: str = Field(examples=["Book the train"])
    description: str | None = Field(examples=["Window seat, *please*."])
    completed: bool
    completed_at: Instant | None
    priority: Priority
    due: Due | None = Field(examples=[{"date": "2026-11-30"}])
    recurrence: Recurrence | None
    labels: list[str] = Field(
        description="Ordered by name, whatever the case and width.", examples=[["Errands"]]
    )
    position: str = Field(
        description="Orders the todos of a project; compare it byte by byte.",
        examples=["05r9Hb2kUx3Qe1"],
    )
    subtask_count: int
    completed_subtask_count: int
    created_by: UUID
    created_at: Instant
    updated_at: Instant
    deleted_at: Instant | None


class TodoPage(Page[TodoRead]):
    """One page of todos."""

    total: int | SkipJsonSchema[None] = absent_or(
        description="How many items match, on all pages; only with `include_total=true`. With `q` "
        f"it counts at most {MAX_MATCHES:,}."
    )


class TodoFilters(ListQuery):
    """The filters that every list of todos has. Repeating one means any of its values."""

    project_id: list[UUID] = Field(
        [], max_length=100, description="Those of any of these projects."
    )
    priority: list[Priority] = Field(
        [], max_length=len(PRIORITIES), description="Those of any of these."
    )
    label: list[LabelName] = Field(
        [],
        max_length=MAX_LABELS,
        description="Those with any of these labels, whatever the case and width.",
    )
    label_all: list[LabelName] = Field(
        [], max_length=MAX_LABELS, description="Those with all of these labels."
    )


class TodoQuery(TodoFilters):
    """Which todos, and in which order. Repeating a parameter means any of its values."""

    sort: TodoSort | None = Field(
        None,
        description="`due` goes by wall clock; what has no `due` or no `completed_at` is last in "
        "either direction; `title` goes by the first 200 characters and takes no notice of case; "
        "`position` needs one `project_id`; `relevance` needs `q`: by how many of its words are in "
        "the title, whole ones counting twice, then the newest. A `-` means descending. Ties go by "
        "id. Left out: `relevance` with `q`, else `-created_at`.",
    )
    q: SearchText | None = Field(
        None,
        description="Those that have every word of this, as a word or its beginning, in title or "
        "description, whatever the case or width. Letters, digits and symbols are words, "
        "punctuation is not; of scripts without spaces it finds any part of a text. A search "
        f"considers at most {MAX_MATCHES:,} matches, which also pass the filters; of more, the "
        "newest of each project, whatever the `sort`.",
    )
    parent_id: IdOrNone | None = Field(
        None, description="The subtasks of a todo; `none`: top level only."
    )
    completed: QueryFlag | None = Field(
        None, description="Those that are done, or those that are not."
    )
    due_after: DateOrInstantParameter | None = Field(
        None,
        description="Those due then or later. A date goes by wall clock as written: whatever the "
        "zone, from that day on. An instant (with an offset) is compared with that of a `due` in a "
        "zone; any other `due` is taken in your own time zone, an all-day one as its midnight.",
    )
    due_before: DateOrInstantParameter | None = Field(
        None,
        description="Those due earlier, not then; a date or an instant, understood as in "
        "`due_after`.",
    )
    has_due: QueryFlag | None = Field(
        None, description="Those that have a `due`, or those that have none."
    )
    overdue: QueryFlag | None = Field(
        None,
        description="Those that are open though their `due` has passed, or all others. A `due` in "
        "a zone has passed after its instant, any other by the clock of your own time zone, an "
        "all-day one once its day has ended there.",
    )
    updated_since: InstantParameter | None = Field(
        None,
        description="Those that changed then or later; an instant with an offset. A plain filter "
        "by time and no feed: a time is fixed before its write is kept, and so one that is shown "
        "later may have an earlier time. If you poll, ask from 60 s before the newest `updated_at` "
        "that you saw.",
    )

    @property
    def order(self) -> TodoSort:
        """The sort, or the default if there is none."""
        return self.sort or ("-created_at" if self.q is None else "relevance")

    def binding(self, resource: str) -> str:
        """See `ListQuery.binding`; a default sort counts like the same one sent."""
        return super(TodoQuery, self.model_copy(update={"sort": self.order})).binding(resource)


class CountQuery(ListQuery):
    """What is counted by, and in which order."""

    by: CountedBy = Field(
        description="`project`: all that you see, archived ones too; `label`: all of your own."
    )
    sort: CountSort = Field(
        "-created_at", description="When the project or label was made. A `-` means descending."
    )


@dataclass(frozen=True, slots=True)
class View:
    """A list of its own: todos of projects that are not archived, due on some of the caller's days.

    These are counted from today: from `first_day` to `last_day`; None: that end is open.
    """

    name: str
    first_day: int | None = None
    last_day: int | None = None
