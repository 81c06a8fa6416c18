"""`tickbox user create`."""

import asyncio
import subprocess
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from httpx import AsyncClient

from app.core.settings import Settings
from tests import servers
from tests.commands import Run, environment, invoke, on_a_terminal, read_until, run
from tests.people import PASSWORD, sign_in

COMMON = "passwordpassword"


@pytest.fixture
def email() -> str:
    return f"{uuid4().hex}@example.com"


@pytest.fixture
def env(settings: Settings) -> dict[str, str]:
    return environment(settings)


def create(env: dict[str, str], email: str, typed: str | bytes = PASSWORD) -> Run:
    arguments = ("user", "create", "--email", email, "--password-stdin")
    return invoke(*arguments, env=env, typed=typed)


async def test_it_signs_in_and_has_its_inbox(
    env: dict[str, str], email: str, client: AsyncClient
) -> None:
    create = ("user", "create", "--email", f" {email} ", "--password-stdin")
    done = await asyncio.to_thread(run, *create, env=env, typed=f"{PASSWORD}\n")

    assert (done.code, done.errors) == (0, "")
    tokens = await sign_in(client, email)
    client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    account = (await client.get("/v1/users/me")).json()
    assert UUID(done.output.removesuffix("\n")) == UUID(account["id"])
    assert (account["email"], account["timezone"]) == (email, "UTC")
    [inbox] = (await client.get("/v1/projects")).json()["items"]
    assert inbox["is_inbox"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("short", "The password: Use at least 15 characters."),
        ("", "The password: Use at least 15 characters."),
        (COMMON, "The password: This is among the first that an attacker tries,"),
        ("x" * 5_000, "The password: Use at most 128 characters."),
        (f"{PASSWORD}\nand more", "The password: Use no control characters,"),
        (b"\xff" * 20, "The password: Use no control characters,"),
    ],
)
def test_a_password_is_refused_as_when_signing_up(
    env: dict[str, str], email: str, typed: str | bytes, said: str
) -> None:
    [refusal] = create(env, email, typed=typed).refusals
    assert refusal.startswith(said)
    assert "correct horse" not in refusal


def test_an_address_that_is_taken(env: dict[str, str], email: str) -> None:
    assert create(env, email).code == 0
    assert create(env, email.upper()).refusals == ["The email is taken."]


def test_a_wrong_address_is_said_so_and_no_password_asked_for(env: dict[str, str]) -> None:
    [refusal] = invoke("user", "create", "--email", "geheim-4711", env=env).refusals
    assert refusal.startswith("--email ")
    assert "geheim" not in refusal


def test_without_a_terminal_nobody_can_be_asked(env: dict[str, str], email: str) -> None:
    [refusal] = invoke("user", "create", "--email", email, env=env).refusals
    assert "--password-stdin" in refusal


def test_no_option_takes_the_password(env: dict[str, str]) -> None:
    done = invoke("user", "create", "--email", "a@example.com", "--password", PASSWORD, env=env)
    assert done.code == 2
    assert PASSWORD not in done.errors


class TestTerminal:
    @pytest.fixture
    def screen(self, env: dict[str, str], email: str) -> Iterator[subprocess.Popen[bytes]]:
        with on_a_terminal("user", "create", "--email", email, env=env) as process:
            yield process
            process.kill()

    def type(self, screen: subprocess.Popen[bytes], *lines: str) -> tuple[int, str]:
        """Answer each prompt; gives the exit code and all that was on the screen."""
        assert screen.stdin is not None
        seen = b""
        for line, prompt in zip(lines, (b"Password: ", b"Password, once more: "), strict=False):
            seen += read_until(screen, prompt)
            screen.stdin.write(f"{line}\n".encode())
            screen.stdin.flush()
        seen += read_until(screen, b"never")
        return screen.wait(30), seen.decode()

    async def test_asks_twice_and_shows_nothing(
        self, screen: subprocess.Popen[bytes], email: str, client: AsyncClient
    ) -> None:
        code, seen = self.type(screen, PASSWORD, PASSWORD)
        assert code == 0, seen
        assert PASSWORD not in seen
        UUID(seen.split()[-1])
        await sign_in(client, email)

    def test_takes_no_password_that_was_mistyped(self, screen: subprocess.Popen[bytes]) -> None:
        assert screen.stdin is not None
        for line, prompt in (
            (PASSWORD, b"Password: "),
            (f"{PASSWORD} ", b"Password, once more: "),
            ("\x04", b"do not match.\r\nPassword: "),
        ):
            assert read_until(screen, prompt).endswith(prompt)
            screen.stdin.write(f"{line}\n".encode())
            screen.stdin.flush()
        assert b"Traceback" not in read_until(screen, b"never")
        assert screen.wait(30) == 1

    def test_may_be_left(self, screen: subprocess.Popen[bytes]) -> None:
        code, seen = self.type(screen, "\x03")  # Ctrl-C
        assert code == 1
        assert "Traceback" not in seen

    def test_may_end(self, screen: subprocess.Popen[bytes]) -> None:
        code, seen = self.type(screen, "\x04")  # Ctrl-D
        assert code == 1
        assert "Aborted." in seen


class TestDatabase:
    def test_that_is_away(self, settings: Settings, email: str) -> None:
        url = "postgresql://tickbox:geheim-4711@127.0.0.1:1/tickbox"
        env = environment(settings, TICKBOX_DATABASE_URL=url)
        [refusal] = create(env, email).refusals
        assert refusal.startswith("The database cannot be reached")

    def test_whose_schema_is_behind(self, settings: Settings, email: str) -> None:
        assert settings.database_url is not None
        name = f"tickbox_test_behind_{uuid4().hex}"
        url = settings.database_url.get_secret_value()
        asyncio.run(servers.make_database(url, name, template="template0"))
        try:
            env = environment(settings, TICKBOX_DATABASE_URL=servers.sibling(url, name))
            [refusal] = create(env, email).refusals
            assert refusal.startswith("The schema is behind, or not this user's: run `tickbox mig")
        finally:
            servers.drop_database(name)
