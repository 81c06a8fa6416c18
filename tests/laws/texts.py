"""Texts that are dear for their length: to normalise, to fold, to split into words, to write."""

import itertools
from collections.abc import Callable, Iterator, Mapping

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# To be put in order each has to pass all that came before it.
_UNORDERED = "\u0301\u0316"


def _numbered(separator: str) -> Callable[[int], str]:
    """Words, each another one."""

    def text(length: int) -> str:
        words = map("".join, itertools.product(_DIGITS, repeat=3))
        made = separator.join(itertools.islice(words, length // (3 + len(separator)) + 1))
        return (made * (length // max(len(made), 1) + 1))[:length]

    return text


def _repeated(unit: str, begin: str = "") -> Callable[[int], str]:
    def text(length: int) -> str:
        return (begin + unit * (length // len(unit) + 1))[:length]

    return text


def _range(first: int, last: int) -> Callable[[int], str]:
    return _repeated("".join(map(chr, range(first, last))))


# What each makes has the length that it is asked for.
TEXTS: Mapping[str, Callable[[int], str]] = {
    "letters": _repeated("x"),
    "marks in the worst order": _repeated(_UNORDERED, "a"),
    "marks of many classes": _repeated("\u0345\u0301\u0315\u0316\u0321\u05b0\u0334", "a"),
    "each letter with a mark": _repeated("e\u0301"),
    "ligatures of 18 letters": _repeated("\ufdfa"),
    "letters that fold to three": _repeated("\u0390\ufb03"),
    "capitals that fold to a letter and a mark": _repeated("\u0130"),
    "parts of Hangul": _repeated("\u1112\u1175\u11c2"),
    "words": _numbered(" "),
    "a word with hyphens": _numbered("-"),
    "Han": _range(0x4E00, 0x9FFF),
    "Thai": _repeated("\u0e01\u0e33\u0e48"),
    "emoji": _range(0x1F600, 0x1F64F),
    "control characters": _repeated("\x01"),
    "invisible characters": _repeated("\u2060"),
    "blanks": lambda length: " " * (length - 1) + "x",
    "line breaks": _repeated("\r\n"),
    "quotes and backslashes": _repeated('"\\'),
    "digits": _repeated("9"),
    "dots": _repeated("a."),
    "at signs": _repeated("@"),
    "an address": lambda length: f"{'a' * (length - 12)}@example.com"[:length],
    "an address of marks": lambda length: (
        ("a" + _UNORDERED * (length // 2))[: max(length - 12, 1)] + "@example.com"
    ),
    "a host of many parts": lambda length: ("a@" + "b\u00e9." * length)[: length - 3] + "com",
    "a host of one part": lambda length: ("a@" + "\u00e9\u0301" * length)[: length - 4] + ".com",
    "a punycode host": lambda length: ("a@xn--" + "a9" * length)[: length - 4] + ".com",
    "slashes": _repeated("a/"),
    "zeros and colons": _repeated("00:"),
    "commas": _repeated('"1",'),
    "percent signs": _repeated("%41"),
}

# In a text that has a form of its own, most of these are refused alike.
OF_A_FORM = (
    "letters",
    "marks in the worst order",
    "ligatures of 18 letters",
    "digits",
    "blanks",
    "dots",
    "slashes",
    "zeros and colons",
    "emoji",
)


def texts(length: int, *, has_form: bool = False) -> Iterator[tuple[str, str]]:
    """Each of them, with its name."""
    for name in OF_A_FORM if has_form else TEXTS:
        yield name, TEXTS[name](length)
