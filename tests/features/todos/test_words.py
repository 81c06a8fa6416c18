"""Words: how a text is split, the same for what is searched and for what is sought."""

import asyncio
import time
import unicodedata

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from app.features.todos import columns
from app.features.todos.words import MAX_WORD_LENGTH, as_column, words
from tests.people import Person
from tests.roundtrips import statements

SPLIT = {
    "Book the train": "book the train",
    "foo-bar foo_bar foo/bar": "foo bar",
    "a.b@c.de": "a b c de",
    "https://tickbox.example/v1?x=1#top": "https tickbox example v1 x = 1 top",
    "C++ and C#": "c + and",
    "3.5 -7 1,000 v2": "3 5 7 1 000 v2",
    "it's the dogs\u2019": "it s the dogs",
    "**bold** [x](y) | ~~z~~": "bold x y | ~ z",
    "Straße STRASSE": "strasse",
    "İstanbul ISTANBUL": "istanbul",
    "\u0131l\u0131k": "\u0131l\u0131k",
    "ΣΊΣΥΦΟΣ": "σίσυφοσ",
    "\uff26\uff55\uff4c\uff4c \uff11\uff12": "full 12",
    "ﬁle ① ™": "file 1 tm",
    "ｶﾞｷﾞ": "ガギ ギ",
    "e\u0301te\u0301": "été",
    "한국어를 공부": "한국어를 공부",
    "\u1112\u1161\u11ab": "한",
    "كِتَابٌ جديد": "كِتَابٌ جديد",
    "שָׁלוֹם": unicodedata.normalize("NFKC", "שָׁלוֹם"),
    "हिन्दी में": "हिन्दी में",
    "می‌خواهم": "میخواهم",
    "東京都": "東京 京都 都",
    "iPhone15を買う": "iphone15 を買 買う う",
    "ไปกิน": "ไป ปก กิ ิน น",
    "ភាសា": "ភា \u17b6ស សា \u17b6",
    "🎂 👩‍👩‍👧 ❤️ 👍🏽": "🎂 👩 👧 ❤ 👍 🏽",
    "🇩🇪1️⃣": "🇩 🇪 1⃣",
    "co\u00adop zero\u200bwidth": "coop zero width",
    "€5 + $6": "€ 5 + $ 6",
    "\u202eright\u202c": "right",
    "\u0301 -- … ' \" \\ : * & ! ( )": "",
}


@pytest.mark.parametrize("text", SPLIT, ids=ascii)
def test_a_text_is_split(text: str) -> None:
    assert words(text) == SPLIT[text].split()


@given(st.text())
def test_no_word_needs_quoting(text: str) -> None:
    for word in words(text):
        assert word
        assert not set(word) & set("'\"\\: \t\n")
        assert unicodedata.category(word[0])[0] not in "PZ"


@given(st.text())
def test_words_of_words_are_the_same(text: str) -> None:
    whole = [word for word in words(text) if len(word) != 2]
    assert words(" ".join(whole)) == whole


@given(st.text(), st.text())
def test_a_text_has_the_words_of_its_lines(one: str, other: str) -> None:
    assert set(words(f"{one}\n{other}")) == set(words(one)) | set(words(other))


@given(st.text("どこかへ行くไปกิน東京都", min_size=1), st.data())
def test_any_part_of_a_text_without_spaces_is_found_in_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    part = text[start : data.draw(st.integers(start + 1, len(text)))]
    assert all(any(word.startswith(sought) for word in words(text)) for sought in words(part))


async def test_a_long_word_is_cut_and_too_many_are_left_out() -> None:
    assert words("x" * 1_000) == ["x" * MAX_WORD_LENGTH]
    many = await as_column("".join(chr(0x4E00 + number % 20_000) for number in range(50_000)))
    assert len(many.split()) > 15_000
    widest = await as_column(" ".join(chr(0x20000 + n) + chr(0x21000 + n) for n in range(16_000)))
    assert len(widest.encode()) < 900_000


_DEAREST = {
    "phrases": "\ufdfa" * 50_000,
    "squares": "".join(chr(0x3300 + number % 88) for number in range(50_000)),
    "symbols": "".join(chr(0x2190 + number % 999) for number in range(50_000)),
    "han": "".join(chr(0x4E00 + number % 20_000) for number in range(50_000)),
    "runs of marks": ("e" + "\u0301\u0323\u0345" * 10) * 1_612,
    "marks that nothing seen parts": ("\u0301\u0323\u0327" * 10 + "\u034f") * 1_612,
    "marks": "\u0301\u0323" * 25_000,
    "words": " ".join(f"word{number}" for number in range(4_500)),
}


@pytest.mark.parametrize("text", _DEAREST.values(), ids=_DEAREST)
async def test_others_are_served_while_a_long_text_is_split(text: str) -> None:
    held = [0.0]

    async def splitting() -> None:
        held.clear()
        await as_column(text)

    task = asyncio.create_task(splitting())
    while not task.done():
        began = time.thread_time()
        await asyncio.sleep(0)
        held.append(time.thread_time() - began)

    assert max(held) < 0.02


_PARTS = st.lists(st.text("ab\u00e9\u0301行く🎂 .,", max_size=99), min_size=5, max_size=9)


@given(_PARTS.map("\u3002".join))
def test_a_long_text_has_the_words_that_it_has_as_a_whole(text: str) -> None:
    assert asyncio.run(as_column(text)).split() == words(text)


async def test_nothing_is_lost_where_no_word_ends() -> None:
    text = "".join(chr(0x4E00 + number) for number in range(1_000))
    assert set((await as_column(text)).split()) >= set(words(text))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_texts_are_split_before_there_is_a_transaction(
    app: FastAPI, ada: Person, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    todo = await ada.make_todo()
    url = "/v1/todos" if method == "POST" else f"/v1/todos/{todo['id']}"
    sent_before: list[int] = []

    async def split(text: str) -> str:
        # The driver tells of what it sent in the next turn.
        await asyncio.sleep(0)
        sent_before.append(len(sql))
        return await as_column(text)

    monkeypatch.setattr(columns, "as_column", split)
    async with statements(app) as sql:
        await ada.client.request(method, url, json={"title": "Ship", "description": "Sea"})

    assert sent_before == [0, 0]
    assert len(sql) > 0
