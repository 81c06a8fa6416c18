"""What is written about the code names what is there: files, tests, pages and their sections."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ROOT / "app"
DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
)
# `core/clock.py`, `tests/faults/`, `tests/core/test_text.py::TestKey`; no URL, no command line.
_FILE = r"(?:[\w.-]+/)*(?:[\w.-]+\.(?:py|md|toml|ya?ml|lua|svg)|Makefile|Dockerfile)|\.ci/run"
_PATH = re.compile(rf"`({_FILE}|(?:[a-z_]+/)+)(?:::(\w+))?`")
# What `Where what lives` says of any feature's folder.
_IN_ANY_FEATURE = {path.name for path in CODE.glob("features/*/*.py")}
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def prose(page: Path) -> str:
    """Without what is an example or a diagram."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


@cache
def sections(page: Path) -> set[str]:
    """The fragments by which GitHub knows a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def found(name: str, page: Path) -> Path | None:
    """A file as pages name it: from the root, from `app/`, or from their own folder."""
    for folder in (ROOT, CODE, page.parent):
        if (folder / name).exists():
            return folder / name
    return None


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_names_files_and_tests_that_exist(page: Path) -> None:
    missing = []
    for name, test in _PATH.findall(prose(page)):
        path = found(name, page)
        if path is None:
            if name not in _IN_ANY_FEATURE:
                missing.append(name)
        elif test and not re.search(rf"\b(?:def|class) {test}\b", path.read_text()):
            missing.append(f"{name}::{test}")
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target, fragment in _LINK.findall(prose(page)):
        path = page.parent / target if target else page
        if not path.exists() or (fragment and fragment not in sections(path)):
            broken.append(f"{target}#{fragment}")
    assert broken == []


def test_the_code_refers_to_pages_that_exist() -> None:
    named_in_code = {
        page
        for path in CODE.rglob("*.py")
        for page in re.findall(r"\bdocs/[\w/.-]+\.md\b", path.read_text())
    }
    assert named_in_code
    assert [page for page in named_in_code if not (ROOT / page).exists()] == []


def test_the_index_has_every_decision_once() -> None:
    listed = re.findall(r"^\d+\. \[(.+?)\]\(\1\): .", prose(DECISIONS / "README.md"), re.MULTILINE)
    pages = {path.name for path in DECISIONS.glob("*.md")} - {"README.md"}
    assert sorted(listed) == sorted(pages)
