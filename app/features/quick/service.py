"""The rules of quick add."""

from collections import Counter
from datetime import date, datetime
from uuid import UUID

from app.core.context import Context
from app.core.schemas import JsonRow
from app.core.text_rules import text_key
from app.core.timezones import zone
from app.features.due.schemas import DueDate, DueDateTime
from app.features.quick import grammar
from app.features.quick.repository import CallerRepository
from app.features.quick.schemas import (
    QuickAdd,
    QuickRead,
    QuickValues,
    Span,
    Understood,
)
from app.features.recurrence.schemas import Recurrence
from app.features.todos.schemas import TodoCreate
from app.features.todos.service import TodoService
from app.security.principal import Principal

_OF_PROJECTS = "projects:read"


class QuickService:
    """Makes todos of texts, for one principal in one request."""

    def __init__(
        self, caller: CallerRepository, todos: TodoService, principal: Principal, context: Context
    ) -> None:
        self._caller = caller
        self._todos = todos
        self._principal = principal
        self._context = context

    async def add(self, data: QuickAdd) -> JsonRow | QuickRead:
        """Make a todo of a text; only tell what it says for a dry run.

        The row is the todo's. Raises what `TodoService.create` raises.
        """
        understood = await self._understand(data)
        if data.dry_run:
            return QuickRead(todo=None, understood=understood)
        todo = await self._todos.create(TodoCreate(**dict(understood.values)))
        body = f'{{"todo":{todo.body},"understood":{understood.model_dump_json()}}}'
        return JsonRow(todo.id, todo.version, body)

    async def _understand(self, data: QuickAdd) -> Understood:
        # Whoever may not read projects learns no name of one, and no id.
        reads_projects = _OF_PROJECTS in self._principal.scopes
        named = grammar.projects_named(data.text) if reads_projects else set()
        timezone, projects = data.timezone, dict[str, UUID]()
        if named or timezone is None:
            caller = await self._caller.read(with_projects=bool(named))
            timezone = timezone or caller.timezone
            projects = _unambiguous(caller.projects, named)
        now = self._context.now().astimezone(zone(timezone))
        return _told(grammar.understand(data.text, now, timezone, projects), timezone)


def _unambiguous(projects: list[tuple[UUID, str]], named: set[str]) -> dict[str, UUID]:
    """Those of these names that one project has, and no other."""
    keys = [(text_key(name), id_) for id_, name in projects]
    count = Counter(key for key, _ in keys)
    return {key: id_ for key, id_ in keys if key in named and count[key] == 1}


def _told(found: grammar.Understood, timezone: str) -> Understood:
    values = QuickValues(
        title=found.title,
        due=_due(found.due, timezone),
        recurrence=_recurrence(found),
        priority=found.priority,
        labels=found.labels,
        project_id=found.project_id,
    )
    spans = [Span(field=part.field, start=part.start, end=part.end) for part in found.parts]
    return Understood(values=values, spans=spans)


def _due(due: date | None, timezone: str) -> DueDate | DueDateTime | None:
    if isinstance(due, datetime):
        return DueDateTime(datetime=due, timezone=timezone)
    return None if due is None else DueDate(date=due)


def _recurrence(found: grammar.Understood) -> Recurrence | None:
    if found.rrule is None:
        return None
    repeat_from = "completion" if found.after_completion else "due"
    return Recurrence(rrule=found.rrule, repeat_from=repeat_from)
