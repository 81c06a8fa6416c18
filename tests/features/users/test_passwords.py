import sys
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.core.errors import ValidationFailed
from app.features.users.passwords import (
    _MAX_LISTED,
    MAX_LENGTH,
    _common_passwords,
    accept,
    normalise,
)

PASSPHRASE = "correct horse battery staple"
PRINTABLE = st.characters(exclude_categories=["Cs", "Cc"])
# Each of them is on the list.
WORDS = [
    *("dragon", "monkey", "sunshine", "shadow", "master", "football", "princess", "cookie"),
    *("summer", "purple", "orange", "ginger", "pepper", "silver", "banana", "thunder"),
    *("hammer", "winter", "cheese", "rabbit", "guitar", "flower", "yellow", "coffee"),
]
CONTEXT = ["Ada.Lovelace@Example.com", "Ada King"]


def refusal(password: str, min_length: int = 15, context: Sequence[str] = ()) -> str | None:
    """The code with which it is refused."""
    try:
        accept(password, min_length=min_length, context=context)
    except ValidationFailed as error:
        [field] = error.errors
        assert field.pointer == "/password"
        assert password not in field.message
        return field.code
    return None


class TestLength:
    def test_counts_code_points_after_nfc(self) -> None:
        composed, decomposed = "Zoë läßt Gärten", "Zoe\u0308 la\u0308ßt Ga\u0308rten"
        assert (len(composed), len(decomposed)) == (15, 18)
        for spelling in (composed, decomposed):
            assert accept(spelling, min_length=15) == composed
            assert refusal(spelling, min_length=16) == "password_too_short"

    def test_counts_an_emoji_beyond_the_bmp_once(self) -> None:
        assert refusal("🐎🔋📎🐴🐎🔋📎", min_length=8) == "password_too_short"
        assert refusal("🐎🔋📎🐴🐎🔋📎🐴!", min_length=8) is None

    @pytest.mark.parametrize("min_length", [8, 15, 28])
    def test_says_the_minimum(self, min_length: int) -> None:
        assert accept(PASSPHRASE[-min_length:], min_length=min_length)
        with pytest.raises(ValidationFailed) as error:
            accept(PASSPHRASE[1 - min_length :], min_length=min_length)
        assert error.value.errors[0].message == f"Use at least {min_length} characters."

    def test_takes_128_and_no_more(self) -> None:
        longest = (PASSPHRASE * 5)[:127] + "!"
        assert accept(longest, min_length=15) == longest
        assert refusal(longest + "x") == "password_too_long"
        assert accept("e\u0301" + longest[1:], min_length=15) == "é" + longest[1:]

    @pytest.mark.parametrize("password", ["x" * 1_000_000, "\u0301\u0327" * 500_000])
    def test_does_not_normalise_what_is_too_long_anyway(
        self, monkeypatch: pytest.MonkeyPatch, password: str
    ) -> None:
        def never(*_: str) -> str:
            raise AssertionError("normalised")

        with monkeypatch.context() as patch:
            patch.setattr(unicodedata, "normalize", never)
            code, normalised = refusal(password), normalise(password)
        assert code == "password_too_long"
        assert normalised == password

    def test_nfc_makes_at_most_four_code_points_one(self) -> None:
        # Why more than four times the maximum need not be normalised.
        every = map(chr, range(sys.maxunicode + 1))
        assert max(len(unicodedata.normalize("NFD", character)) for character in every) == 4

    def test_is_refused_where_the_field_is(self) -> None:
        with pytest.raises(ValidationFailed) as error:
            accept("x", min_length=15, pointer="/new")
        assert error.value.errors[0].pointer == "/new"


class TestCharacters:
    @pytest.mark.parametrize("character", ["\0", "\t", "\n", "\r", "\x1b", "\x7f", "\x85"])
    def test_refuses_control_characters(self, character: str) -> None:
        assert refusal(PASSPHRASE + character) == "password_invalid_characters"

    @pytest.mark.parametrize("character", ["\ud800", "\ude00\ud83d"])
    def test_refuses_lone_surrogates(self, character: str) -> None:
        assert refusal(PASSPHRASE + character) == "password_invalid_characters"

    @pytest.mark.parametrize("character", [" ", "\u3000", "\u200d", "\ue000", "\u0378", "\uffff"])
    def test_takes_spaces_and_all_the_rest_of_unicode(self, character: str) -> None:
        assert accept(PASSPHRASE + character, min_length=15) == PASSPHRASE + character

    def test_changes_neither_case_nor_space(self) -> None:
        password = "  Correct  Horse BATTERY "
        assert accept(password, min_length=15) == password


class TestCommon:
    @pytest.mark.parametrize(
        "password",
        [
            "123456789987654321",
            "q1w2e3r4t5y6u7i8o9p0",
            "passwordpassword",
            "PasswordPASSWORD",
            "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44PASSWORD",
            "password password",
            "Password-Password_Password",
            "123456123456123456",
            "abcabcabcabcabcabc",
            "qweqweqweqweqweqw",
            "98 98 98 98 98 98",
            "123456789012345",
            "letmeinletmeinletme",
            "aaaaaaaaaaaaaaa",
            "               ",
            "🐎" * 15,
            "é" * 15,
            "e\u0301" * 15,
            "abcdefghijklmno",
            "ZYXWVUTSRQPONMLK",
            "qwertyuiopasdfgh",
            "1qaz2wsx3edc4rfv5tgb",
            "8901234567890123",
            "tickboxtickboxt",
            "TickBox TickBox TickBox",
            # A word with what people add to it.
            "passwordpassword1",
            "iloveyouiloveyou1",
            "sunshine-sunshine!",
            "sunshine!sunshine!",
            "sunshine1sunshine2sunshine3",
            "trustno1!trustno1!",
            "1password1password1password",
            "password+password",
            "password123456789",
            "password123456789!",
            "12345password12345",
            "!!!password!!!!!",
            "Password!@#$%^&*",
            "password2024!!!",
            "sunshine1999123!",
            "love1999199919991999",
            "123456123456123456!",
            "qwertyuiopasdfgh1",
            "aaaaaaaaaaaaaaa!",
            "🐎" * 14 + "1",
            "\uff50assword\uff11\uff19\uff18\uff14\uff01\uff01\uff01",
            "Tickbox-Tickbox-1",
        ],
    )
    def test_refuses_what_everybody_tries_first(self, password: str) -> None:
        assert refusal(password, min_length=15) == "password_too_common"

    @pytest.mark.parametrize(
        "password",
        [
            "ada.lovelace@example.com",
            "ADA.LOVELACE@EXAMPLE.COM",
            "adalovelaceadalovelace",
            "ada.lovelace ada.lovelace",
            "Ada King Ada King",
            "adakingadakingadaking",
            "king king king king",
            "AdaAdaAdaAdaAda",
            "Ada King Ada King 1",
            "AdaLovelace1815!",
            "ada.lovelace@example.com1",
        ],
    )
    def test_refuses_what_is_known_of_the_account(self, password: str) -> None:
        assert refusal(password, context=CONTEXT) == "password_too_common"
        assert refusal(password + " hates counting sheep", context=CONTEXT) is None

    def test_context_may_be_anything(self) -> None:
        for context in ("", " ", "@", "\ud800", "@x", "a" * 5000, PASSPHRASE[1:]):
            assert refusal(PASSPHRASE, context=[context]) is None

    @pytest.mark.parametrize(
        "password",
        [
            PASSPHRASE,
            "passwordpasswort",
            "dragon monkey sunshine",
            "gL9#vQ2$xT7!pW4%",
            "-_. _.- ._--. _",
            "monkeys-never-cry-9",
            "love letters from 1942",
            "iloveyou 4711-0815-2342",
            "k 7392 8461 9573",
            "k <{?~=|/%;^&*[]",
            "31415926535897932",
            "4f9a1c0e77b2d3358",
            "8c5Tq-39xKd-1wPz7",
            "Tr0ub4dor&3 at home",
            "ILoveParisInThe50s!",
            "2 pints of milk & bread",
            "Sunshine after 7 rains",
            "correct horse 4711",
            "1 dragon, 2 monkeys",
            "пароль на каждый день",
            "正しい馬電池のホチキスの針です",
        ],
    )
    def test_takes_what_is_merely_made_of_words(self, password: str) -> None:
        assert accept(password, min_length=15, context=CONTEXT) == password

    @pytest.mark.parametrize("password", ["password", "iloveyou", "trustno1", "zxcvbnm123"])
    def test_holds_for_shorter_minimums(self, password: str) -> None:
        assert refusal(password, min_length=8) == "password_too_common"

    def test_the_list_is_what_it_says(self) -> None:
        licence, _, words = _common_passwords().partition("\n\n")
        assert "MIT License" in licence
        entries = words.splitlines()
        assert len(entries) == len(set(entries)) == 30_000
        assert all(entry == entry.casefold().strip() for entry in entries)
        assert max(map(len, entries)) == _MAX_LISTED
        assert set(WORDS) <= set(entries)


class TestLaws:
    @given(
        st.lists(st.sampled_from(WORDS), min_size=4, max_size=4, unique=True),
        st.sampled_from(["", " ", "-", ".", "_", "1", "+"]),
        st.sampled_from(["", "1", "!", "2026!", "123456789"]),
    )
    def test_four_random_words_are_taken(self, words: list[str], between: str, added: str) -> None:
        assert refusal(between.join(words) + added, context=CONTEXT) is None
        assert refusal(added + between.join(map(str.title, words)), context=CONTEXT) is None

    @given(
        st.sampled_from(WORDS),
        st.integers(1, 6),
        st.sampled_from(["", " ", "-", ".", "_", "!"]),
        st.text("0123456789!?.-+# ", max_size=5),
        st.text("0123456789!?.-+# ", max_size=5),
    )
    def test_one_word_is_refused_whatever_is_around_it(
        self, word: str, times: int, between: str, before: str, after: str
    ) -> None:
        password = before + between.join([word] * times) + after
        assume(len(word) * times >= len(before + after) and 8 <= len(password) <= MAX_LENGTH)
        assert refusal(password, min_length=8) == "password_too_common"

    @given(st.text(st.characters(), max_size=600), st.integers(8, 128))
    @example("\u0344" * 128, 8)
    def test_what_is_accepted_is_what_sign_in_makes_of_it(
        self, password: str, min_length: int
    ) -> None:
        try:
            accepted = accept(password, min_length=min_length)
        except ValidationFailed:
            return
        assert accepted == normalise(password)
        assert min_length <= len(accepted) <= MAX_LENGTH
        assert accepted.encode().decode() == accepted
        assert accept(accepted, min_length=min_length) == accepted

    @given(st.text(PRINTABLE, min_size=1, max_size=100))
    def test_every_spelling_of_one_text_signs_in(self, password: str) -> None:
        spellings = {unicodedata.normalize(form, password) for form in ("NFC", "NFD")}
        assert len({normalise(spelling) for spelling in spellings}) == 1

    @given(st.text(st.characters(), max_size=1000))
    def test_normalise_takes_anything(self, text: str) -> None:
        assert normalise(normalise(text)) == normalise(text)

    @given(st.text("aBñßÅ07Ωй漢\uff57\uff37🐎.-@ ", min_size=1, max_size=20), st.integers(2, 5))
    def test_context_repeated_is_refused(self, word: str, times: int) -> None:
        password = word * times
        assume(8 <= len(normalise(password)) <= MAX_LENGTH)
        assert refusal(password, min_length=8, context=[word]) == "password_too_common"
