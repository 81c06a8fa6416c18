"""What GitHub is asked to run: these commands exist, on the Pythons and images that are promised.

Its form, and what it would let others do, is checked by `make lint-workflows`.
"""

import re
import tomllib
from collections.abc import Iterable
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
MAKEFILE = (ROOT / "Makefile").read_text()
# What each target needs first; files, which have a dot or a slash, are none.
TARGETS = {
    name: re.findall(r"(?<![^\s])[a-z-]+(?![^\s])", needed)
    for name, needed in re.findall(r"^([a-z-]+):(?!=)([^#\n]*)", MAKEFILE, re.MULTILINE)
}
CALLED = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(COMMANDS)))
NOT_CALLED = {
    "image-test": "makes a Debian as root to build and run the image; Docker itself does so here",
}


def reached(targets: Iterable[str]) -> set[str]:
    """These, and what they need first."""
    return {name for target in targets for name in (target, *reached(TARGETS[target]))}


def test_the_commands_exist() -> None:
    assert {"check", "test-services"} <= CALLED <= TARGETS.keys()
    scripts = re.findall(r"\bsh (\S+/\S+)", "\n".join(COMMANDS))
    assert scripts
    assert all((ROOT / script).is_file() for script in scripts)


def test_each_test_of_the_makefile_is_run() -> None:
    tests = {
        name for name in TARGETS if re.match("(test|lint|check|bench-sign-in$)|.*-test$", name)
    }
    assert {"test", "lint", "test-browser", "image-test"} <= tests
    assert tests - reached(CALLED) == NOT_CALLED.keys()


def test_there_is_a_pgbouncer_where_tests_want_one() -> None:
    assert "pgbouncer" in TARGETS["check"]
    for name, job in WORKFLOW["jobs"].items():
        text = "\n".join(step.get("run", "") for step in job["steps"])
        wants = re.search(
            r"^make (check|test|test-services|test-pgbouncer)(?= |$)", text, re.MULTILINE
        )
        gets = re.search(r"apt-get install .*\bpgbouncer$", text, re.MULTILINE)
        if wants is not None:
            assert gets is not None, name
            assert gets.start() < wants.start(), name


def test_the_tests_flush_what_they_are_given_only_where_that_is_said() -> None:
    runs = re.findall(
        r"^\t@?(.*\$\(BIN\)/(?:pytest|python -m tests\.alembic).*)$", MAKEFILE, re.MULTILINE
    )
    given = [run for run in runs if not run.startswith("$(EMBEDDED) ")]
    assert len(given) == 2
    assert "PGBOUNCER=1" in given[1]
    unset = re.search(r"^EMBEDDED := env (.*)$", MAKEFILE, re.MULTILINE)
    assert unset is not None
    assert set(unset[1].split()) == {"-u", "TICKBOX_TEST_DATABASE_URL", "TICKBOX_TEST_REDIS_URL"}


def test_the_pythons_are_those_that_the_project_names() -> None:
    prefix = "Programming Language :: Python :: "
    named = [name.removeprefix(prefix) for name in PROJECT["classifiers"] if prefix in name]
    assert WORKFLOW["jobs"]["check"]["strategy"]["matrix"]["python"] == named
    assert PROJECT["requires-python"] == f">={named[0]}"


def test_the_newest_stores_are_those_of_the_compose_file() -> None:
    """The same major version of them: what changes the one file does not see the other."""
    matrix = WORKFLOW["jobs"]["services"]["strategy"]["matrix"]["postgres"]
    assert all(major(entry["image"]) == f"postgres:{entry['version']}" for entry in matrix)
    assert major(matrix[-1]["image"]) == major(SERVICES["postgres"]["image"])
    redis = WORKFLOW["jobs"]["services"]["services"]["redis"]["image"]
    assert major(redis) == major(SERVICES["redis"]["image"])


def major(image: str) -> str:
    """What it is of, if it is pinned: `postgres:18`."""
    found = re.fullmatch(r"(\w+:\d+)\.[\w.-]+@sha256:[0-9a-f]{64}", image)
    assert found is not None, image
    return found[1]


def test_the_base_image_is_pinned_where_dependabot_reads_it() -> None:
    text = (ROOT / "Dockerfile").read_text()
    default = re.search(r"^ARG BASE_IMAGE=(\w+)$", text, re.MULTILINE)
    assert default is not None
    stages = dict(re.findall(r"^FROM (\S+)(?: AS (\w+))?$", text, re.MULTILINE))
    [base] = [image for image, stage in stages.items() if stage == default[1]]
    assert major(base) == "python:3"


def test_dependabot_knows_where_versions_stand() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {(update["package-ecosystem"], update["directory"]) for update in updates} == {
        ("pip", "/requirements"),
        ("npm", "/tests/contract/openapi"),
        ("github-actions", "/"),
        ("docker", "/"),
        ("docker-compose", "/"),
    }
    assert (ROOT / "tests/contract/openapi/package-lock.json").is_file()


def test_every_place_names_the_same_version() -> None:
    version = PROJECT["version"]
    assert {SERVICES[name]["image"] for name in ("migrate", "app")} == {f"tickbox:{version}"}
    assert f"\nARG VERSION={version}\n" in (ROOT / "Dockerfile").read_text()
