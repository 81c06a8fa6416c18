"""The usual way: the same routes on the same tables, as FastAPI services are mostly written.

It follows FastAPI's tutorial and template: an ORM session a request, the user read by a
dependency, `OAuth2PasswordBearer` with python-jose (HS256), answers through `response_model`. Its
writes keep no changes, its lists have no cursors, and nothing limits anybody.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.security import OAuth2PasswordBearer
from jose import JWTError, jwt
from sqlalchemy import Select, make_url, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from app.core.clock import new_id
from app.core.positions import last_position
from app.core.settings import Settings
from app.core.text import text_key
from app.features.due.schemas import DueDate, DueDateTime
from app.features.projects.models import Project, ProjectMember
from app.features.todos.models import PRIORITIES, Todo
from app.features.todos.schemas import Priority, TodoCreate, TodoPage, TodoRead, TodoUpdate
from app.features.users.models import User
from benchmarks.serving import serve

ALGORITHM = "HS256"

oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")


def token_for(user_id: UUID, settings: Settings) -> str:
    """A token that is good for a day."""
    assert settings.secret_key is not None
    claims = {"sub": str(user_id), "exp": datetime.now(UTC) + timedelta(days=1)}
    return jwt.encode(claims, settings.secret_key.get_secret_value(), algorithm=ALGORITHM)


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]


async def get_current_user(
    request: Request, session: Session, token: Annotated[str, Depends(oauth2_scheme)]
) -> User:
    refused = HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": "Bearer"})
    key = request.app.state.settings.secret_key.get_secret_value()
    try:
        payload = jwt.decode(token, key, algorithms=[ALGORITHM])
    except JWTError:
        raise refused from None
    user = await session.get(User, UUID(payload["sub"]))
    if user is None:
        raise refused
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


def todos_of(user: User) -> Select[Todo]:
    return (
        select(Todo)
        .join(Project, Project.id == Todo.project_id)
        .join(ProjectMember, ProjectMember.project_id == Project.id)
        .where(
            ProjectMember.user_id == user.id,
            Project.deleted_at.is_(None),
            Project.archived.is_(False),
            Todo.deleted_at.is_(None),
        )
    )


async def get_todo(session: Session, user: CurrentUser, todo_id: UUID) -> Todo:
    todo = (await session.scalars(todos_of(user).where(Todo.id == todo_id))).one_or_none()
    if todo is None:
        raise HTTPException(404, "Todo not found")
    return todo


def to_read(todo: Todo) -> TodoRead:
    return TodoRead(
        id=todo.id,
        version=todo.version,
        project_id=todo.project_id,
        parent_id=todo.parent_id,
        title=todo.title,
        description=todo.description,
        completed=todo.completed_at is not None,
        completed_at=todo.completed_at,
        priority=cast(Priority, PRIORITIES[todo.priority]),
        due=to_due(todo),
        labels=todo.labels,
        position=todo.position,
        subtask_count=todo.subtask_count,
        completed_subtask_count=todo.completed_subtask_count,
        created_by=todo.created_by,
        created_at=todo.created_at,
        updated_at=todo.updated_at,
        deleted_at=todo.deleted_at,
    )


def to_due(todo: Todo) -> DueDate | DueDateTime | None:
    if todo.due_local is None:
        return None
    if todo.due_all_day:
        return DueDate(date=todo.due_local.date())
    return DueDateTime(datetime=todo.due_local, timezone=todo.due_timezone)


def due_columns(due: DueDate | DueDateTime | None) -> dict[str, Any]:
    local = timezone = at = None
    if isinstance(due, DueDate):
        local = datetime.combine(due.date, time.min)
    elif due is not None:
        local, timezone, at = due.datetime, due.timezone, due.instant()
    return {
        "due_local": local,
        "due_all_day": isinstance(due, DueDate),
        "due_timezone": timezone,
        "due_at": at,
    }


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.engine.dispose()


def create_app(settings: Settings) -> FastAPI:
    """The service."""
    app = FastAPI(lifespan=lifespan)
    assert settings.database_url is not None
    app.state.settings = settings
    # The defaults would be 5 connections and 10 more that are opened for a request each: that is
    # the usual way too, and slower still.
    url = make_url(settings.database_url.get_secret_value())
    app.state.engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        pool_size=settings.database_pool_size,
        max_overflow=0,
    )
    app.state.sessions = async_sessionmaker(app.state.engine, expire_on_commit=False)

    @app.get("/livez")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/v1/todos", response_model=TodoPage)
    async def list_todos(
        session: Session, user: CurrentUser, limit: Annotated[int, Query(ge=1, le=200)] = 50
    ) -> TodoPage:
        newest = todos_of(user).order_by(Todo.created_at.desc(), Todo.id.desc()).limit(limit)
        todos = await session.scalars(newest)
        return TodoPage(items=[to_read(todo) for todo in todos], next_cursor=None)

    @app.get("/v1/todos/{todo_id}", response_model=TodoRead)
    async def read_todo(todo: Annotated[Todo, Depends(get_todo)]) -> TodoRead:
        return to_read(todo)

    @app.post("/v1/todos", status_code=201, response_model=TodoRead)
    async def create_todo(session: Session, user: CurrentUser, data: TodoCreate) -> TodoRead:
        inbox = select(Project.id).where(Project.created_by == user.id, Project.is_inbox)
        now = datetime.now(UTC)
        todo = Todo(
            id=new_id(),
            project_id=(await session.scalars(inbox)).one(),
            parent_id=None,
            depth=1,
            created_by=user.id,
            title=data.title,
            title_key=text_key(data.title),
            description=data.description,
            priority=PRIORITIES.index(data.priority),
            **due_columns(data.due),
            position=last_position(),
            subtask_count=0,
            completed_subtask_count=0,
            version=1,
            created_at=now,
            updated_at=now,
            completed_at=now if data.completed else None,
        )
        session.add(todo)
        await session.commit()
        await session.refresh(todo)
        return to_read(todo)

    @app.patch("/v1/todos/{todo_id}", response_model=TodoRead)
    async def update_todo(
        session: Session, todo: Annotated[Todo, Depends(get_todo)], data: TodoUpdate
    ) -> TodoRead:
        # The benchmark changes titles; the other fields of a `TodoUpdate` are not done here.
        for name, value in data.model_dump(exclude_unset=True, include={"title"}).items():
            setattr(todo, name, value)
        todo.title_key = text_key(todo.title)
        todo.version += 1
        todo.updated_at = datetime.now(UTC)
        session.add(todo)
        await session.commit()
        await session.refresh(todo)
        return to_read(todo)

    return app


def main() -> None:
    """Serve."""
    settings = Settings()
    serve(create_app(settings), settings.port)


if __name__ == "__main__":
    main()
