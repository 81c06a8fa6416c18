"""Which passwords an account may have, after NIST SP 800-63B-4, section 3.1.1.2: long ones, in any
script, of any composition, save those that everybody tries first.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator
from functools import cache, lru_cache
from importlib import resources
from itertools import filterfalse

from app.core.errors import ValidationFailed
from app.core.text import stream_safe, text_key

MAX_LENGTH = 128
# No code point comes from more than four by NFC, so that what is longer than this is too long
# after NFC too, and need not be normalised to know it: that takes quadratic time.
_MAX_RAW_LENGTH = 4 * MAX_LENGTH

_SERVICE = "tickbox"
# Of the list's words none is longer.
_MAX_LISTED = 20
_SEPARATORS = str.maketrans("", "", " -_.")
# What fingers do on a keyboard, or in the alphabet, from any key to any other, both ways, over
# and over.
_RUNS = (
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "1234567890qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!@#$%^&*()",
)


def accept(
    password: str,
    *,
    min_length: int,
    context: Iterable[str] = (),
    pointer: str = "/password",
) -> str:
    """The password in NFC, ready to be hashed, if an account may have it.

    Lengths count code points after NFC. `context` is what a stranger knows of the account: its
    e-mail address and display name. Raises `ValidationFailed` at `pointer`.
    """
    normalised = normalise(password)
    if len(normalised) > MAX_LENGTH:
        raise ValidationFailed.at(
            pointer, "password_too_long", f"Use at most {MAX_LENGTH} characters."
        )
    if any(_is_forbidden(character) for character in normalised):
        raise ValidationFailed.at(
            pointer,
            "password_invalid_characters",
            "Use no control characters, such as tabs and line breaks, and no lone surrogates.",
        )
    if stream_safe(password) != password:
        raise ValidationFailed.at(
            pointer, "too_many_marks", "must not have more than 30 combining marks after each other"
        )
    if len(normalised) < min_length:
        raise ValidationFailed.at(
            pointer, "password_too_short", f"Use at least {min_length} characters."
        )
    if _is_common(normalised, context):
        raise ValidationFailed.at(
            pointer,
            "password_too_common",
            "This is among the first that an attacker tries, or made of one such word or of what "
            "is known about you, with no more than digits and punctuation added. Choose another "
            "one.",
        )
    return normalised


def normalise(password: str) -> str:
    """What was typed as it would have been hashed: NFC, so that each keyboard's "é" is the same.

    Never raises. What is too long for any account comes back as it is, and matches no hash.
    """
    if len(password) > _MAX_RAW_LENGTH:
        return password
    return unicodedata.normalize("NFC", password)


def _is_forbidden(character: str) -> bool:
    # Cc: argon2 takes no NUL, and a password field drops line breaks (HTML, value sanitization),
    # so that nobody could sign in there again; RFC 8265, section 4.2 refuses all of them.
    # Cs: lone surrogates have no UTF-8. Anything else stands, unassigned code points too: which
    # emoji there are depends on the age of whoever asks.
    return unicodedata.category(character) in ("Cc", "Cs")


def _is_common(password: str, context: Iterable[str]) -> bool:
    known = {variant for word in (_SERVICE, *context) for variant in _known_words(word)}
    words = _spellings(password)
    words |= {
        core
        for spelling in words
        for core, added in _cores(spelling)
        if _weight(added) <= len(core)
    }
    return _is_guessed(words, known)


def _is_guessed(words: Iterable[str], known: Collection[str] = ()) -> bool:
    """Whether one of these is a word that is tried early, or a repetition of one."""
    units = {unit for word in words for unit in _repeated_units(word)}
    # What stands between the repetitions is no part of the word, if it is little.
    bare = {unit: "".join(filterfalse(_is_mark, unit)) for unit in units}
    units |= {word for unit, word in bare.items() if word and len(unit) <= 2 * len(word)}
    return any(
        len(unit) == 1 or unit in known or _is_listed(unit) or _is_run(unit) for unit in units
    )


def _cores(text: str) -> Iterator[tuple[str, str]]:
    """What is left of a text without what people add to a word, and what they have added.

    That is punctuation around it; digits too; or all that is no letter, within it too.
    """
    for is_added in (_is_mark, _is_mark_or_digit):
        kept = [index for index, character in enumerate(text) if not is_added(character)]
        if kept:
            begin, end = kept[0], kept[-1] + 1
            yield text[begin:end], text[:begin] + text[end:]
    letters = "".join(filterfalse(_is_mark_or_digit, text))
    if letters:
        yield letters, "".join(filter(_is_mark_or_digit, text))


def _weight(added: str) -> int:
    """How many characters somebody had to think of who added these."""
    digits = "".join(filter(str.isdecimal, added))
    marks = len(added) - len(digits)
    if not digits or _is_guessed([digits]):
        return marks
    return marks + min(map(len, _repeated_units(digits)))


@lru_cache(maxsize=1024)
def _is_mark(character: str) -> bool:
    """Punctuation, a symbol such as `+` and `$`, or a space; what emoji are is none."""
    kind = unicodedata.category(character)
    return kind[0] in "PSZ" and kind != "So"


def _is_mark_or_digit(character: str) -> bool:
    return character.isdecimal() or _is_mark(character)


def _known_words(text: str) -> Iterator[str]:
    """An e-mail address, its local part, a name and each of its words, in all spellings."""
    for word in (text, text.partition("@")[0], *text.split()):
        yield from _spellings(word)


def _spellings(text: str) -> set[str]:
    """Without regard to case and width, and with and without what stands between words."""
    # Some characters become 18; a part of a repetition is one too.
    folded = text_key(text)[:MAX_LENGTH]
    return {folded, folded.translate(_SEPARATORS)} - {""}


def _repeated_units(word: str) -> Iterator[str]:
    """The word itself, and whatever it is a repetition of, the last time perhaps cut short."""
    for length in range(1, len(word) + 1):
        if word[length:] == word[:-length]:
            yield word[:length]


def _is_run(word: str) -> bool:
    return any(
        way in run * (len(word) // len(run) + 2) for run in _RUNS for way in (word, word[::-1])
    )


def _is_listed(word: str) -> bool:
    return len(word) <= _MAX_LISTED and f"\n{word}\n" in _common_passwords()


@cache
def _common_passwords() -> str:
    # One text of 240 KB, which is searched in 0.05 ms, rather than a set of 30,000 strings.
    return resources.files("app.features.users").joinpath("common_passwords.txt").read_text("ascii")
