"""No Docker runs here: what docker-compose.yml says is held against what Tickbox understands.

Its form is checked by `make lint-image`; its commands are run by `make image-test`.
"""

import os
import re
import shutil
import subprocess
from io import StringIO
from pathlib import Path

import pytest
import typer
from dotenv import dotenv_values
from sqlalchemy import make_url

from app.cli.main import cli
from app.core.settings import Settings
from app.core.urls import postgres
from app.embedded.keys import new_secret_key, new_signing_key
from app.main import create_app
from tests import compose

VARIABLES = {
    "POSTGRES_PASSWORD": "0123456789abcdef",
    "TICKBOX_SECRET_KEY": new_secret_key(),
    "TICKBOX_SIGNING_KEYS": new_signing_key(),
}
SERVICES = compose.read(VARIABLES)["services"]
OURS = ("migrate", "app")
needs_openssl = pytest.mark.skipif(
    not shutil.which("openssl"), reason="who runs Tickbox needs it, tests do not"
)


@pytest.fixture
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES[request.param]["environment"].items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("service", OURS)
def test_each_variable_is_a_setting(service: str) -> None:
    names = {f"TICKBOX_{name.upper()}" for name in Settings.model_fields}
    assert SERVICES[service]["environment"].keys() <= names


@pytest.mark.parametrize(
    ("environment", "service"), [(name, name) for name in OURS], indirect=["environment"]
)
def test_the_settings_are_accepted(environment: None, service: str) -> None:
    settings = Settings()
    assert not settings.is_embedded
    assert settings.database_url is not None
    address = postgres(settings.database_url.get_secret_value())
    assert address.hosts == "postgres"
    assert make_url(address.arguments["dsn"]).password == VARIABLES["POSTGRES_PASSWORD"]


@pytest.mark.parametrize("service", OURS)
def test_the_commands_are_tickboxs(service: str) -> None:
    group = typer.main.get_command(cli)
    assert isinstance(group, typer.core.TyperGroup)
    program, name, *options = SERVICES[service]["command"]
    assert program == "tickbox"
    group.commands[name].make_context(name, options)


def test_health_is_asked_by_a_command_of_tickbox() -> None:
    group = typer.main.get_command(cli)
    assert isinstance(group, typer.core.TyperGroup)
    kind, program, name, *options = SERVICES["app"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "tickbox")
    group.commands[name].make_context(name, options)


def test_nothing_starts_before_what_it_needs() -> None:
    assert {name: state["condition"] for name, state in SERVICES["app"]["depends_on"].items()} == {
        "migrate": "service_completed_successfully",
        "postgres": "service_healthy",
        "redis": "service_healthy",
    }
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert all("healthcheck" in SERVICES[name] for name in ("app", "postgres", "redis"))


@pytest.mark.parametrize(
    "name", ["POSTGRES_PASSWORD", "TICKBOX_SECRET_KEY", "TICKBOX_SIGNING_KEYS"]
)
def test_without_a_secret_nothing_starts(name: str) -> None:
    with pytest.raises(compose.MissingVariableError, match=f"^{name} is missing"):
        compose.read({key: value for key, value in VARIABLES.items() if key != name})


def test_the_example_names_what_is_asked_for_and_what_can_be_said() -> None:
    text = (compose.ROOT / ".env.example").read_text()
    assert dotenv_values(stream=StringIO(text)) == dict.fromkeys(VARIABLES, "")
    optional = re.findall(r"^#([A-Z_]+)=", text, re.MULTILINE)
    assert set(optional) == set(re.findall(r"\$\{(\w+):-", compose.FILE.read_text()))


def test_what_can_be_said_is_understood() -> None:
    example = (compose.ROOT / ".env.example").read_text()
    text = re.sub("^#(?=[A-Z_]+=)", "", example, flags=re.MULTILINE)
    said = {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value}
    app = compose.read(VARIABLES | said)["services"]["app"]
    settings = Settings.model_validate(
        {name.removeprefix("TICKBOX_").lower(): value for name, value in app["environment"].items()}
    )
    assert settings.issuer == "https://tickbox.example"
    assert settings.cors_origins == ("https://app.example",)
    assert len(settings.proxies) == 1
    assert app["ports"] == ["127.0.0.1:8000:8000"]


@needs_openssl
def test_new_env_makes_all_that_is_asked_for_and_anew_each_time() -> None:
    made, again = compose.new_variables(), compose.new_variables()
    assert made.keys() == again.keys() == VARIABLES.keys()
    assert all(again[name] != value for name, value in made.items())
    settings = Settings.model_validate(
        {
            "database_url": f"postgresql://tickbox:{made['POSTGRES_PASSWORD']}@postgres/tickbox",
            "redis_url": "redis://redis",
            "secret_key": made["TICKBOX_SECRET_KEY"],
            "signing_keys": made["TICKBOX_SIGNING_KEYS"],
        }
    )
    create_app(settings)  # reads the keys


class TestNewEnv:
    @staticmethod
    def written(folder: Path) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(compose.NEW_ENV)]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    @needs_openssl
    def test_is_for_its_owner_only(self, tmp_path: Path) -> None:
        done = self.written(tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        made = compose.variables(tmp_path / ".env")
        assert made.keys() == VARIABLES.keys()
        assert not any(value in done.stdout for value in made.values())
        assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("is_link", [False, True])
    def test_does_not_touch_one_that_is_there(self, tmp_path: Path, is_link: bool) -> None:
        file = tmp_path / ".env"
        if is_link:
            file.symlink_to(tmp_path / "elsewhere")
        else:
            file.write_text("POSTGRES_PASSWORD=kept\n")
        done = self.written(tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("There is an .env, and it stays")
        if is_link:
            assert not (tmp_path / "elsewhere").exists()
        else:
            assert file.read_text() == "POSTGRES_PASSWORD=kept\n"

    def test_that_fails_leaves_nothing(self, tmp_path: Path) -> None:
        failing = tmp_path / "bin" / "openssl"
        failing.parent.mkdir()
        failing.write_text('#!/bin/sh\ntest "$1" != genpkey\n')
        failing.chmod(0o755)
        done = subprocess.run(
            ["sh", str(compose.NEW_ENV)],
            cwd=tmp_path,
            env={"PATH": f"{failing.parent}:{os.environ['PATH']}"},
            capture_output=True,
            check=False,
        )
        assert done.returncode != 0
        assert not (tmp_path / ".env").exists()


def test_one_service_builds_the_image_that_both_run() -> None:
    assert SERVICES["app"]["build"] == "."
    assert "build" not in SERVICES["migrate"]
    # What somebody else calls by this name is not asked for.
    assert SERVICES["migrate"]["pull_policy"] == "never"
    assert SERVICES["migrate"]["image"] == SERVICES["app"]["image"]
    assert "pull_policy" not in SERVICES["app"]


def test_only_the_service_is_published_and_only_to_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"app": ["127.0.0.1:8000:8000"]}


def test_the_stores_are_in_a_network_of_their_own() -> None:
    assert compose.read(VARIABLES)["networks"]["stores"] == {"internal": True}
    for name in ("postgres", "redis", "migrate"):
        assert SERVICES[name]["networks"] == ["stores"]


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_images_are_pinned_by_digest(name: str) -> None:
    assert re.fullmatch(r"[a-z]+:\d+\.\d+\S*@sha256:[0-9a-f]{64}", SERVICES[name]["image"])


def test_open_requests_have_the_time_to_finish() -> None:
    seconds = int(SERVICES["app"]["stop_grace_period"].removesuffix("s"))
    assert seconds > Settings.model_fields["shutdown_timeout"].default


def test_redis_forgets_instead_of_refusing() -> None:
    assert "volatile-ttl" in SERVICES["redis"]["command"]
    assert "--maxmemory" in SERVICES["redis"]["command"]
