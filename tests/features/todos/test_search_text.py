"""What may be sought and searched: any script, and what nobody should send."""

from typing import Any

import pytest

from app.features.todos.words import words
from tests.people import Person


async def _titles(person: Person, q: str, **params: Any) -> list[str]:
    return [todo["title"] for todo in await person.walk("/v1/todos", q=q, **params)]


@pytest.mark.parametrize(
    ("title", "queries"),
    [
        ("Große Straße", ["strasse", "STRASSE", "gro", "straß grosse"]),
        ("İstanbul'da", ["istanbul", "ISTANBUL", "İST", "da"]),
        (
            "\uff26\uff55\uff4c\uff4c\u3000\uff57\uff49\uff44\uff54\uff48 \uff11\uff12",
            ["full", "WIDTH 12", "\uff46\uff55"],
        ),
        ("ｶﾀｶﾅ", ["カタカナ", "タカ", "カ"]),
        ("한국어 공부", ["한국", "공부 한국어"]),
        ("كِتَاب جديد", ["كِتَاب", "جد"]),
        ("हिन्दी सीखना", ["हिन्दी", "सी"]),
        ("明天去北京开会", ["北京", "开会", "明天", "京"]),
        ("どこかへ行く", ["行く", "どこ", "く"]),
        ("ไปกินข้าว", ["กินข้าว", "ข้าว", "กิ"]),
        ("👩‍👩‍👧‍👦 🎂", ["👩‍👩‍👧‍👦", "🎂", "👧"]),
        ("foo-bar a.b@c.de C++ 3.5 it's", ["foo-bar", "bar", "a.b@c", "c++", "3.5", "it's", "5"]),
    ],
)
async def test_any_script_is_found(ada: Person, title: str, queries: list[str]) -> None:
    await ada.make_todo("Something else")
    await ada.make_todo(title)
    await ada.make_todo("x", description=f"> {title}!")

    for q in queries:
        assert await _titles(ada, q) == [title, "x"], q
    for q in ("elsewhere", "都", "🐟", f"{queries[0]} z"):
        assert await _titles(ada, q) == [], q


_HOSTILE = [
    *("'", "''", '"', "\\", ":*", "a:*", "& |", "!a", "a <-> b", "a <2> b", "(a", "a')", "%", "_"),
    *("' OR 1=1 --", "a\\", "'a", "$1", "{}", "a\tb\r\nc", "\u202eabc\u202c", "e" + "\u0301" * 30),
    *("\u0301", "\ufeff", "\u200b", "\uffff", "\U0010ffff", "a\U000e0041", "x" * 100, "行" * 100),
    *("a b c d e f g h i j k l m n o p q r s t u v w x y z", "\ufdfa" * 100, "|", "<>", "~ ^ ` $"),
]


@pytest.mark.parametrize("text", _HOSTILE, ids=ascii)
async def test_any_text_may_be_sought_and_finds_itself(ada: Person, text: str) -> None:
    await ada.make_todo("plain")
    title = " ".join(text.split()) + "."
    await ada.make_todo(title, description=text)

    response = await ada.get("/v1/todos", params={"q": text})

    if words(text):
        assert response.status_code == 200
        assert [todo["title"] for todo in response.json()["items"]] == [title]
    else:
        assert response.status_code == 422
        [error] = response.json()["errors"]
        assert (error["pointer"], error["code"], error["in"]) == ("/q", "no_words", "query")


async def test_what_cannot_be_sought_is_refused_by_name(ada: Person) -> None:
    for query, pointer, code in (
        ("q=", "/q", "no_words"),
        ("q=%20", "/q", "no_words"),
        ("q=...", "/q", "no_words"),
        ("q=a%00", "/q", "nul_character"),
        ("q=a" + "%CC%81" * 31, "/q", "too_many_marks"),
        ("q=" + "a" * 101, "/q", "too_long"),
        ("q=" + "a" * 10_000, "/q", "too_long"),
        ("q=%ed%a0%80", "", "invalid_text"),
        ("q=a&q=b", "/q", "repeated"),
        ("q=a&sort=-relevance", "/sort", "not_allowed"),
        ("sort=relevance", "/sort", "sort_needs_search"),
    ):
        response = await ada.get(f"/v1/todos?{query}")
        assert response.status_code == 422, query
        [error] = response.json()["errors"]
        assert (error["pointer"], error["code"], error["in"]) == (pointer, code, "query")


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"word{number}" for number in range(4_500)),
        "x" * 50_000,
        "".join(chr(0x4E00 + number % 20_000) for number in range(50_000)),
        " ".join(chr(0x20000 + number) for number in range(25_000)),
        "\ufdfa" * 50_000,
        "🎂" * 50_000,
        "'\\: " * 12_500,
    ],
    ids=["words", "a word", "han", "rare han", "phrases", "emoji", "punctuation"],
)
async def test_no_text_is_too_much_to_be_written(ada: Person, text: str) -> None:
    todo = await ada.make_todo("long", description=text)
    assert todo["description"] == text.strip() or todo["description"] == text
    response = await ada.client.patch(f"/v1/todos/{todo['id']}", json={"title": "longer"})
    assert response.status_code == 200
    assert await _titles(ada, "longer") == ["longer"]
    if words(text):
        assert await _titles(ada, words(text)[0][:80]) == ["longer"]
