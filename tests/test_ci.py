"""What GitHub is asked to run: these commands exist, on the Pythons and images that are promised.

Its form, and what it would let others do, is checked by `make lint-workflows`.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from tests import compose

ROOT = Path(__file__).parents[1]
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVICES = compose.read(
    dict.fromkeys(("POSTGRES_PASSWORD", "TICKBOX_SECRET_KEY", "TICKBOX_SIGNING_KEYS"), "any")
)["services"]
COMMANDS = [
    step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step
]


def test_the_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(COMMANDS)))
    assert {"check", "test-services"} <= called <= targets
    scripts = re.findall(r"\bsh (\S+/\S+)", "\n".join(COMMANDS))
    assert scripts
    assert all((ROOT / script).is_file() for script in scripts)


def test_the_pythons_are_those_that_the_project_names() -> None:
    prefix = "Programming Language :: Python :: "
    named = [name.removeprefix(prefix) for name in PROJECT["classifiers"] if prefix in name]
    assert WORKFLOW["jobs"]["check"]["strategy"]["matrix"]["python"] == named
    assert PROJECT["requires-python"] == f">={named[0]}"


def test_the_newest_stores_are_those_of_the_compose_file() -> None:
    matrix = WORKFLOW["jobs"]["services"]["strategy"]["matrix"]["postgres"]
    assert matrix[-1]["image"] == SERVICES["postgres"]["image"]
    assert WORKFLOW["jobs"]["services"]["services"]["redis"]["image"] == SERVICES["redis"]["image"]


def test_every_place_names_the_same_version() -> None:
    version = PROJECT["version"]
    assert {SERVICES[name]["image"] for name in ("migrate", "app")} == {f"tickbox:{version}"}
    assert f"\nARG VERSION={version}\n" in (ROOT / "Dockerfile").read_text()
