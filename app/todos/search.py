"""Full-text search: lists of todos in which each word of `q` begins a word of title or description.

`ix_todos_words` holds each todo's words behind a mark of its project. A search goes through it
project by project, so that it reads nothing of what others have, however common the words are;
and it stops at enough matches, so that it costs no more where it finds too many.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    extract,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.sql import ColumnElement, FromClause
from sqlalchemy.sql.util import ClauseAdapter

from app.core.statement import Statement
from app.todos.filters import conditions
from app.todos.models import MAX_MATCHES, WORDS, project_mark
from app.todos.queries import answer, page_limit, projects_of, todos
from app.todos.sorting import ORDERS
from app.todos.words import words

# How many of those that have the words are held against the filters: what bounds the time of a
# search for a common word with a filter that few pass.
MAX_FOUND = 10_000

# Stands for the mark of a project in the text of a query; it is in no word.
_MARK = '"'
_MILLISECONDS = 10**14

_words: ColumnElement[Any] = bindparam("words", type_=ARRAY(Text))
_tsquery: ColumnElement[Any] = bindparam("tsquery", type_=Text)


def terms(text: str) -> dict[str, Any]:
    """The parameters that stand for `q` in a statement of `page`."""
    all_words = words(text)
    # What begins another word of the query is found with it.
    wanted = [
        word
        for word in all_words
        if not any(other != word and other.startswith(word) for other in all_words)
    ]
    return {
        "words": wanted,
        "tsquery": " & ".join(f"'{_MARK}{word}':*" for word in wanted),
    }


@lru_cache(maxsize=512)
def page(
    sort: str, filters: frozenset[str], *, is_first: bool, with_total: bool = False
) -> Statement:
    """The rows of a page of matches, as `queries.page` has them; the total is of these too."""
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
    total = select(func.count().label("total")).select_from(matches) if with_total else None
    return answer(rows.order_by(*order).limit(page_limit), total, descending=descending)


def _matches(filters: frozenset[str], sort: str) -> Select[Any]:
    visible = projects_of(filters)
    project = visible.order_by(visible.selected_columns.id).subquery("project")
    in_project = (
        select(todos)
        # No other index serves these: one that did would end in reading all of a project, and which
        # matches come first, of too many, would be up to the planner. As it is, they come in the
        # order in which they are stored.
        .where((todos.c.project_id == project.c.id).is_(True))
        .where(WORDS.bool_op("@@")(_of_project(project)))
        .limit(MAX_FOUND)
        .lateral("in_project")
    )
    found = (
        select(in_project).join_from(project, in_project, true()).limit(MAX_FOUND).subquery("found")
    )
    adapt = ClauseAdapter(found)
    where = (adapt.traverse(condition) for condition in conditions(filters, sort))
    return select(found).where(*where).limit(MAX_MATCHES)


def _of_project(project: FromClause) -> ColumnElement[Any]:
    return cast(func.replace(_tsquery, _MARK, project_mark(project.c.id)), TSQUERY)


def _relevance(todo: FromClause) -> ColumnElement[Any]:
    """Two for each word that is one of the title, one for each that begins one; then the newest."""
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
