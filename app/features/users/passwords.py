"""Which passwords an account may have (NIST SP 800-63B-4, section 3.1.1.2).

Long ones, in any script and of any composition, except those that attackers try first.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator
from functools import cache, lru_cache
from importlib import resources
from itertools import filterfalse

from app.core.errors import ValidationFailed
from app.core.text_rules import stream_safe, text_key

MAX_LENGTH = 128
# NFC makes one code point of at most four, so that a longer text is too long after NFC too. It is
# not normalised to find out, which takes quadratic time.
_MAX_RAW_LENGTH = 4 * MAX_LENGTH

_SERVICE = "tickbox"
# Characters of the longest word in `common_passwords.txt`.
_MAX_LISTED = 20
_SEPARATORS = str.maketrans("", "", " -_.")
# Sequences of the keyboard and the alphabet; any part of one, in either direction, repeated or
# not, is a common password.
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
    """Check a new password, and return it in NFC, ready to be hashed.

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
    """The password in NFC, as it is hashed: keyboards send "é" as one code point or as two.

    Never raises. A password that is too long for any account is returned unchanged.
    """
    if len(password) > _MAX_RAW_LENGTH:
        return password
    return unicodedata.normalize("NFC", password)


def _is_forbidden(character: str) -> bool:
    # Cc: argon2 takes no NUL, and a password field drops line breaks (HTML, value sanitization),
    # so that nobody could sign in there again; RFC 8265, section 4.2 refuses all of them.
    # Cs: lone surrogates have no UTF-8. All else is allowed, unassigned code points too: an emoji
    # may be newer than this Python.
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
    """Whether one of these is a word that attackers try early, or a repetition of one."""
    units = {unit for word in words for unit in _repeated_units(word)}
    # A few marks between the repetitions are not counted as part of the word.
    bare = {unit: "".join(filterfalse(_is_mark, unit)) for unit in units}
    units |= {word for unit, word in bare.items() if word and len(unit) <= 2 * len(word)}
    return any(
        len(unit) == 1 or unit in known or _is_listed(unit) or _is_run(unit) for unit in units
    )


def _cores(text: str) -> Iterator[tuple[str, str]]:
    """Pairs of a word and what was added to it, for each usual way of adding to a word.

    Those are punctuation around it, punctuation and digits around it, and either anywhere.
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
    """How many of the added characters an attacker has to guess."""
    digits = "".join(filter(str.isdecimal, added))
    marks = len(added) - len(digits)
    if not digits or _is_guessed([digits]):
        return marks
    return marks + min(map(len, _repeated_units(digits)))


@lru_cache(maxsize=1024)
def _is_mark(character: str) -> bool:
    """Whether it is punctuation, a symbol such as `+` and `$`, or a space, but no emoji."""
    kind = unicodedata.category(character)
    return kind[0] in "PSZ" and kind != "So"


def _is_mark_or_digit(character: str) -> bool:
    return character.isdecimal() or _is_mark(character)


def _known_words(text: str) -> Iterator[str]:
    """The spellings of a text, of its part before an `@`, and of each of its words."""
    for word in (text, text.partition("@")[0], *text.split()):
        yield from _spellings(word)


def _spellings(text: str) -> set[str]:
    """The text with case and width folded, with and without separators of words."""
    # Folding can make 18 characters of one; the beginning of a repetition is one too.
    folded = text_key(text)[:MAX_LENGTH]
    return {folded, folded.translate(_SEPARATORS)} - {""}


def _repeated_units(word: str) -> Iterator[str]:
    """The word itself, and each part whose repetition it is, even if the last is cut short."""
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
    # One text of 240 KB is searched in 0.05 ms, and takes less memory than a set of 30,000 words.
    return resources.files("app.features.users").joinpath("common_passwords.txt").read_text("ascii")
