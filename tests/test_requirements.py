"""What is locked: the same everywhere, with hashes, and from no particular index."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "requirements"
FILES = sorted(FOLDER.glob("*.txt"))
_PINNED = re.compile(
    r"^([\w.-]+)==(\S+)(?: ; .+?)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n", re.MULTILINE
)


def locked(name: str) -> dict[str, str]:
    text = (FOLDER / f"{name}.txt").read_text()
    return {match[1]: match[2] for match in _PINNED.finditer(text)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_all_is_pinned_with_hashes_and_nothing_else_stands_there(file: Path) -> None:
    text = file.read_text()
    assert _PINNED.search(text)
    assert _PINNED.sub("", text) == ""


@pytest.mark.parametrize(
    ("part", "whole"), [("app", "run"), ("build", "run"), ("run", "dev")], ids=str
)
def test_what_serves_is_what_was_tested(part: str, whole: str) -> None:
    """A file that was changed without the others is compiled anew by `make lock`."""
    assert locked(part).items() <= locked(whole).items()
