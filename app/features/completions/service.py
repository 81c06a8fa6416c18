"""The rules of completions; what completing does to a todo, the todos' service knows."""

import asyncio
from itertools import islice
from uuid import UUID

import orjson

from app.core.context import Expected
from app.core.pagination import Cursors
from app.core.schemas import JsonPage, JsonRow
from app.core.signing import Signer
from app.features.completions.repository import CompletionRepository
from app.features.completions.schemas import CompletionCreate, CompletionQuery, OccurrenceQuery
from app.features.recurrence.repetition import Repetition
from app.features.todos.service import TodoService
from app.security.principal import Principal


class CompletionService:
    """Completes occurrences of todos and reads them, for one principal in one request."""

    def __init__(
        self,
        repository: CompletionRepository,
        todos: TodoService,
        principal: Principal,
        signer: Signer,
    ) -> None:
        self._repository = repository
        self._todos = todos
        self._principal = principal
        self._signer = signer

    async def create(self, todo_id: UUID, data: CompletionCreate, expected: Expected) -> JsonRow:
        """Complete an occurrence; the version is that of the todo, which is in the answer too.

        Raises what `TodoService.complete` raises.
        """
        todo, completion = await self._todos.complete(todo_id, data.occurrence, expected)
        body = f'{{"completion":{completion["body"]},"todo":{todo.body}}}'
        return JsonRow(completion["id"], todo.version, body)

    async def delete(self, todo_id: UUID, completion_id: UUID, expected: Expected) -> None:
        """Take a completion back. Raises what `TodoService.take_back` raises."""
        await self._todos.take_back(todo_id, completion_id, expected)

    async def list(self, todo_id: UUID, query: CompletionQuery) -> JsonPage:
        """Read a page, the newest first. Raises `NotFound`, `CursorInvalid`."""
        binding = query.binding(f"completions of {todo_id}")
        cursors = Cursors(self._signer, self._principal.user_id, binding)
        rows = await self._repository.page(
            todo_id,
            cursors.decode(query.cursor),
            limit=query.limit + 1,
            with_total=query.include_total,
        )
        return cursors.page(rows, query)

    async def occurrences(self, todo_id: UUID, query: OccurrenceQuery) -> JsonRow:
        """Read the current occurrence, unless the rule has ended, and those that follow.

        Raises `NotFound`.
        """
        todo = await self._repository.read_series(todo_id)
        limit = query.limit if todo["completed_at"] is None else 0
        found: list[object] = []
        for due in islice(Repetition.of(todo).occurrences(), limit):
            found.append(due.model_dump(mode="json"))
            # Each may take some milliseconds: others are served in between.
            await asyncio.sleep(0)
        body = orjson.dumps({"items": found}).decode()
        return JsonRow(todo["id"], todo["version"], body)
