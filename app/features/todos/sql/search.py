"""Full-text search: lists of todos in which each word of `q` begins a word of title or description.

`ix_todos_words` indexes each todo's words with a mark of its project before each. A search uses it
project by project, so that it reads nothing of other users, however common the words are. The
filters are applied to all matches. Where a project has very many, the newest are read from the
index by time instead, so that a common word costs no more than a rare one.
"""

from itertools import zip_longest
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    Uuid,
    all_,
    bindparam,
    case,
    cast,
    extract,
    func,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.sql import ColumnElement, FromClause
from sqlalchemy.sql.util import ClauseAdapter

from app.database.statement import Statement
from app.features.todos.models import MAX_MATCHES, WORDS, project_mark
from app.features.todos.sql.filters import conditions, told
from app.features.todos.sql.reads import answer, page_limit, projects_of
from app.features.todos.sql.sorting import ORDERS, todos
from app.features.todos.words import words

# Matches, shared among the projects, above which a list by time soon comes to the newest ones; the
# index of words returns them in no order.
MAX_FOUND = 2_500

# Stands for the mark of a project in the text of a query; no word contains it.
_MARK = '"'
_MILLISECONDS = 10**14

_words: ColumnElement[Any] = bindparam("words", type_=ARRAY(Text))
_tsquery: ColumnElement[Any] = bindparam("tsquery", type_=Text)
# The condition of the index, on the words themselves, which contain no wildcard of LIKE. `coalesce`
# hides it from the planner, which would think it rare, and sort all of a project.
_has_words = func.coalesce(
    literal_column("' '")
    .concat(todos.c.title_words)
    .concat(func.coalesce(literal_column("' '").concat(todos.c.description_words), ""))
    .like(all_(bindparam("patterns", type_=ARRAY(Text)))),
    False,
)


def terms(text: str) -> dict[str, Any]:
    """The parameters of `page` for the search text `q`."""
    # A word that begins another one is found with that, and left out; sorted, it stands right
    # before it.
    in_order = sorted(words(text))
    wanted = [
        word
        for word, following in zip_longest(in_order, in_order[1:], fillvalue="")
        if not following.startswith(word)
    ]
    return {
        "words": wanted,
        "patterns": [f"% {word}%" for word in wanted],
        "tsquery": " & ".join(f"'{_MARK}{word}':*" for word in wanted),
    }


def page(sort: str, filters: frozenset[str], *, is_first: bool, with_total: bool) -> Statement:
    """The statement of a page of matches, like `reads.page`; the total counts the matches."""
    matches = _matches(filters, sort).cte("matches")
    if sort == "relevance":
        key, descending = _relevance(matches), True
    else:
        key, descending = ClauseAdapter(matches).traverse(ORDERS[sort].key), ORDERS[sort].descending
    keyed = select(matches, key.label("sort_key")).subquery("keyed")
    place = tuple_(keyed.c.sort_key, keyed.c.id)
    rows = select(keyed)
    if not is_first:
        last = tuple_(
            cast(bindparam("last_key", type_=Text), key.type),
            bindparam("last_id", type_=Uuid),
        )
        rows = rows.where(place < last if descending else place > last)
    order = [column.desc() if descending else column for column in (keyed.c.sort_key, keyed.c.id)]
    beside = told(filters)
    if with_total:
        total = select(func.count()).select_from(matches).scalar_subquery()
        beside.append(total.label("total"))
    return answer(rows.order_by(*order).limit(page_limit), beside, descending=descending)


def _matches(filters: frozenset[str], sort: str) -> Select[Any]:
    """All todos that match words and filters; of very many, the newest of each project."""
    project = projects_of(filters).cte("project")
    number = select(func.count()).select_from(project).scalar_subquery()
    enough = MAX_FOUND // number + 1
    wanted = conditions(filters, sort)
    in_any_order = (
        select(todos.c.id, todos.c.created_at)
        .where(WORDS.bool_op("@@")(_of_project(project)))
        .where(*_by_words(filters, [todos.c.project_id == project.c.id, *wanted]))
        .limit(enough)
        .lateral("in_any_order")
    )
    found = (
        select(project.c.id.label("project_id"), in_any_order.c.id, in_any_order.c.created_at)
        .join_from(project, in_any_order, true())
        .cte("found")
    )
    full = (
        select(found.c.project_id.label("id"))
        .group_by(found.c.project_id)
        .having(func.count() >= enough)
        .cte("full")
    )
    # Its part of the matches that are considered, if a project surely has as many.
    part = MAX_MATCHES // select(func.count()).select_from(full).scalar_subquery() + 1
    share = case((part <= enough, part), else_=MAX_MATCHES)
    here = [todos.c.project_id == full.c.id, todos.c.deleted_at.is_(None), *wanted, _has_words]
    latest = ORDERS["-created_at"].rows(todos.c.id, where=here, limit=share).lateral("latest")
    either = union_all(
        select(found.c.id, found.c.created_at).where(found.c.project_id.not_in(select(full.c.id))),
        select(latest.c.id, latest.c.sort_key).join_from(full, latest, true()),
    ).subquery("either")
    newest = (
        select(either.c.id)
        .order_by(either.c.created_at.desc(), either.c.id.desc())
        .limit(MAX_MATCHES)
        .subquery("newest")
    )
    return select(todos).join(newest, newest.c.id == todos.c.id)


def _by_words(filters: frozenset[str], asked: list[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Hide the conditions from all indexes but that of the words, so that the planner uses that.

    Another index could mean to read all of a project; but the subtasks of one todo are few.
    """
    return asked if "parent_id" in filters else [condition.is_(True) for condition in asked]


def _of_project(project: FromClause) -> ColumnElement[Any]:
    return cast(func.replace(_tsquery, _MARK, project_mark(project.c.id)), TSQUERY)


def _relevance(todo: FromClause) -> ColumnElement[Any]:
    """Two points for each word in the title, one for each that begins one; then the newest."""
    word = func.unnest(_words).column_valued("word")
    title = literal_column("' '").concat(todo.c.title_words).concat(" ")
    points = case(
        (func.strpos(title, literal_column("' '").concat(word).concat(" ")) > 0, 2),
        (func.strpos(title, literal_column("' '").concat(word)) > 0, 1),
        else_=0,
    )
    in_title = select(func.sum(points)).correlate(todo).scalar_subquery()
    created = cast(extract("epoch", todo.c.created_at) * 1000, BigInteger)
    return cast(in_title, BigInteger) * _MILLISECONDS + created
