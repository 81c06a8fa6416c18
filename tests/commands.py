"""Commands of `tickbox`, as whoever runs the service meets them, or in the tests' own process."""

import io
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from app.cli.errors import errors_as_sentences
from app.cli.main import cli
from app.core.settings import Settings

SECONDS = 60
_SERVERS = ("database_url", "database_direct_url", "redis_url")
# A terminal in a process of its own: what is written to the process is typed, and all that the
# command says comes back, on stdout. Ctrl-C is not ignored there, whoever runs the tests.
_TERMINAL = (
    "import os, pty, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
)


@dataclass(frozen=True)
class Run:
    """A command that has ended."""

    code: int
    output: str
    errors: str

    @property
    def refusals(self) -> list[str]:
        """The sentences on stderr, if there is nothing else there."""
        assert self.code == 1
        assert self.output == ""
        lines = self.errors.splitlines()
        assert all(line.startswith("tickbox: ") and line.endswith(".") for line in lines), lines
        return [line.removeprefix("tickbox: ") for line in lines]


def environment(settings: Settings | None = None, **variables: str) -> dict[str, str]:
    """This process's, with nothing of Tickbox's but what the settings and the variables say."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TICKBOX_")}
    if settings is not None:
        clean["TICKBOX_DATABASE_POOL_MODE"] = settings.database_pool_mode
        for name in (*_SERVERS, "secret_key", "signing_keys"):
            value = getattr(settings, name)
            if value is not None:
                clean[f"TICKBOX_{name.upper()}"] = value.get_secret_value()
    return clean | variables


def run(*arguments: str, env: dict[str, str], typed: str | bytes = "", redirected: str = "") -> Run:
    """Run `tickbox` to its end, with this as its standard input, or as a shell redirects it."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, "-m", "app.cli", *arguments],
        env=env,
        input=typed.encode() if isinstance(typed, str) else typed,
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def invoke(*arguments: str, env: dict[str, str], typed: str | bytes = "") -> Run:
    """Run it in this process, which takes a tenth of the time; logs are as they were."""
    typed = typed.encode() if isinstance(typed, str) else typed
    streams = {name: io.TextIOWrapper(io.BytesIO()) for name in ("stdout", "stderr")}
    code: object = None
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TICKBOX_")]:
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setattr("app.observability.logs.configure", lambda _: None)
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed)))
        for name, stream in streams.items():
            patch.setattr(f"sys.{name}", stream)
        try:
            with errors_as_sentences():
                cli(arguments)
        except SystemExit as end:
            code = end.code
    texts = []
    for stream in streams.values():
        stream.seek(0)
        texts.append(stream.read())
    return Run(int(code) if isinstance(code, int) else 0, *texts)


def on_a_terminal(*arguments: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start `tickbox` on a terminal: its stdin is the keyboard, its stdout the screen."""
    return subprocess.Popen(
        [sys.executable, "-c", _TERMINAL, sys.executable, "-m", "app.cli", *arguments],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def read_until(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    """What is on the screen until this appears; all of it if it never does."""
    assert process.stdout is not None
    seen = b""
    while not seen.endswith(text):
        part = process.stdout.read(1)
        if not part:
            break
        seen += part
    return seen
