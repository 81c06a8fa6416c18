"""Schemas of views."""

from typing import Any

from pydantic import Field
from typing_extensions import TypeAliasType

from app.core.schemas import QueryInteger
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


class UpcomingQuery(ViewQuery):
    """Which todos of the days to come, and in which order."""

    days: QueryInteger = Field(7, ge=1, le=90, description="So many days, from tomorrow on.")
