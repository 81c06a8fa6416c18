"""docker-compose.yml as Compose reads it: with its variables, and with what it says by default."""

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yml"
NEW_ENV = ROOT / "deploy" / "new-env"
# ${NAME}, ${NAME:-default} and ${NAME:?what to do}; no other form stands there.
_VARIABLE = re.compile(r"\$\{(\w+)(?::(-|\?)([^}]*))?\}")


class MissingVariableError(ValueError):
    """What Compose says, and starts nothing."""


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """The file, with these in the environment or .env. Raises `MissingVariableError`."""
    document = yaml.safe_load(FILE.read_text())
    assert isinstance(document, dict)
    filled = _filled(document, variables)
    assert isinstance(filled, dict)
    return filled


def new_variables() -> dict[str, str]:
    """What `deploy/new-env` makes."""
    with tempfile.TemporaryDirectory(prefix="tickbox-env-") as folder:
        subprocess.run(["sh", str(NEW_ENV)], cwd=folder, check=True, capture_output=True)
        return variables(Path(folder) / ".env")


def variables(file: Path) -> dict[str, str]:
    """What stands in an .env."""
    values = dotenv_values(file, interpolate=False)
    return {name: value for name, value in values.items() if value is not None}


def _filled(part: Any, variables: Mapping[str, str]) -> Any:
    match part:
        case dict():
            return {key: _filled(value, variables) for key, value in part.items()}
        case list():
            return [_filled(value, variables) for value in part]
        case str():
            return _VARIABLE.sub(lambda found: _value(found, variables), part)
        case _:
            return part


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    name, kind, text = found.groups()
    if value := variables.get(name):
        return value
    if kind == "?":
        raise MissingVariableError(f"{name} {text}")
    return text or ""
