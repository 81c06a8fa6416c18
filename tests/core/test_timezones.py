"""Zones: whose rules count."""

import ast
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from app.core import timezones
from tests.core import wall_clocks

_ROOT = Path(__file__).parents[2]


def test_names_are_those_of_the_package() -> None:
    assert sorted(timezones.NAMES) == wall_clocks.NAMES
    assert len(timezones.NAMES) > 400
    assert {"CET", "US/Pacific", "Asia/Calcutta", "UTC"} <= timezones.NAMES
    assert not {"localtime", "Factory", "posixrules"} & timezones.NAMES


_ASK = """
import json
from app.core import timezones
from app.features.due.schemas import DueDateTime
from app.features.due.wall_clocks import clocks_before
from datetime import datetime
due = DueDateTime.model_validate(
    {"datetime": "2027-07-01T12:00:00", "timezone": "Europe/Berlin"}
)
at = datetime.fromisoformat("2027-07-01T10:00:00+00:00")
print(json.dumps([
    due.instant().isoformat(),
    clocks_before(at, "CET")[0][1].isoformat(),
    [name in timezones.NAMES for name in ("Mars/Olympus", "Asia/Calcutta")],
]))
"""


def test_what_this_machine_says_of_zones_is_not_asked(tmp_path: Path) -> None:
    tokyo = wall_clocks.file_of("Asia/Tokyo")
    for name in ("Europe/Berlin", "CET", "Mars/Olympus"):
        poisoned = tmp_path / name
        poisoned.parent.mkdir(exist_ok=True)
        poisoned.write_bytes(tokyo)
    (tmp_path / "tzdata.zi").write_text("# version poisoned\n")
    said = subprocess.run(
        [sys.executable, "-c", _ASK],
        env=os.environ | {"PYTHONTZPATH": str(tmp_path), "TZ": "Asia/Tokyo"},
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(said.stdout) == [
        "2027-07-01T10:00:00+00:00",
        "2027-07-01T12:00:00",
        [False, True],
    ]


def test_nothing_else_asks_python_for_a_zone() -> None:
    importing = [
        str(path.relative_to(_ROOT))
        for folder in ("app", "migrations")
        for path in (_ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Import) and any("zoneinfo" in name.name for name in node.names))
        or (isinstance(node, ast.ImportFrom) and "zoneinfo" in (node.module or ""))
    ]
    assert importing == ["app/core/timezones.py"]


def test_a_name_that_only_others_know_is_utc() -> None:
    clock = datetime.fromisoformat("2026-11-22T09:00:00")
    assert timezones.instant_of(clock, "Mars/Olympus").isoformat() == "2026-11-22T09:00:00+00:00"
