"""Views: what is to do, by when it is due where the caller is."""

from app.core.schemas import JsonPage
from app.features.todos.schemas import View
from app.features.todos.service import TodoService
from app.features.views.schemas import UpcomingQuery, ViewQuery


class ViewService:
    """Lists open todos of projects that are not archived.

    Its lists raise `CursorInvalid`, `SortNeedsProject`.
    """

    def __init__(self, todos: TodoService) -> None:
        self._todos = todos

    async def today(self, query: ViewQuery) -> JsonPage:
        """What is due by the end of today, and what is overdue."""
        return await self._todos.list(query.of_todos(completed=False), View("today", last_day=0))

    async def upcoming(self, query: UpcomingQuery) -> JsonPage:
        """What is due on the days after today."""
        view = View("upcoming", first_day=1, last_day=query.days)
        return await self._todos.list(query.of_todos(completed=False), view)

    async def overdue(self, query: ViewQuery) -> JsonPage:
        """What is overdue."""
        return await self._todos.list(query.of_todos(overdue=True), View("overdue"))
