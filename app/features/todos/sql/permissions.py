"""Who sees a todo, for what reads or locks one.

Completions use it too, of all that is in this folder: `docs/decisions/permissions-of-projects.md`.
"""

from sqlalchemy import Uuid, bindparam, select

from app.database.base import table_of
from app.features.projects.permissions import visible_to_principal
from app.features.todos.models import Todo

todos = table_of(Todo)

project_of_todo = visible_to_principal().subquery("project")
# With what the principal may do in its project; the statements take the parameter `id`.
visible_todo = (
    select(todos, project_of_todo.c.role, project_of_todo.c.archived)
    .join(project_of_todo, project_of_todo.c.id == todos.c.project_id)
    .where(todos.c.id == bindparam("id", type_=Uuid), todos.c.deleted_at.is_(None))
)
