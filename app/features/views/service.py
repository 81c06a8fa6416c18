"""Views: what is to do, by when it is due where the caller is; and how much that is."""

from app.core.errors import InsufficientScope
from app.core.schemas import JsonPage
from app.features.todos.schemas import CountQuery, View
from app.features.todos.service import TodoService
from app.features.views.schemas import UpcomingQuery, ViewQuery
from app.security.principal import Principal

_OF_PROJECTS = "projects:read"


class ViewService:
    """Lists open todos of projects that are not archived, and counts open todos.

    Its lists raise `CursorInvalid`, `SortNeedsProject`.
    """

    def __init__(self, todos: TodoService, principal: Principal) -> None:
        self._todos = todos
        self._principal = principal

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

    async def counts(self, query: CountQuery) -> JsonPage:
        """How much is open and overdue, by project or by label.

        Raises `CursorInvalid`; `InsufficientScope`, if it tells of projects.
        """
        if query.by == "project" and _OF_PROJECTS not in self._principal.scopes:
            raise InsufficientScope([_OF_PROJECTS])
        return await self._todos.counts(query)
