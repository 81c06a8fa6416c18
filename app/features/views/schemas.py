"""Schemas of views and counts."""

from typing import Any
from uuid import UUID

from pydantic import Field
from typing_extensions import TypeAliasType

from app.core.schemas import Page, QueryInteger, Schema
from app.features.todos.schemas import SortName, TodoFilters, TodoQuery

ViewSort = TypeAliasType("ViewSort", SortName)


class ViewQuery(TodoFilters):
    """Which todos of a view, and in which order."""

    sort: ViewSort = Field(
        "due", description="As of `/v1/todos`, without `relevance`. A `-` means descending."
    )

    def of_todos(self, **others: Any) -> TodoQuery:
        """The list of todos that it is, by these other filters too."""
        shared = {name: getattr(self, name) for name in ViewQuery.model_fields}
        return TodoQuery(**shared, **others)


class Count(Schema):
    """How many open todos a project or a label has."""

    id: UUID = Field(description="The project's, or the label's.")
    open_count: int
    overdue_count: int = Field(description="Those of them that `overdue=true` finds.")


class CountPage(Page[Count]):
    """One page of counts."""


class UpcomingQuery(ViewQuery):
    """Which todos of the days to come, and in which order."""

    days: QueryInteger = Field(7, ge=1, le=90, description="So many days, from tomorrow on.")
