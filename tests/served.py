"""`tickbox serve` as a process, on embedded servers or given ones, for what needs an address."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

START_SECONDS = 120
STOP_SECONDS = 60
_READY = re.compile(r"Tickbox is ready: (http://127\.0\.0\.1:\d+)/docs\n")
# One tool asks more than one person and one address ever would.
_UNLIMITED = {
    f"TICKBOX_LIMIT_{whose}": "10000000"
    for whose in (
        "USER_PER_SECOND",
        "USER_BURST",
        "ADDRESS_PER_SECOND",
        "ADDRESS_BURST",
        "SIGN_UPS_PER_MINUTE",
        "SIGN_INS_PER_MINUTE",
        "SIGN_IN_FAILURES_PER_MINUTE",
        "ACCOUNT_FAILURES_PER_MINUTE",
    )
}


@contextmanager
def served(**settings: str) -> Iterator[str]:
    """Serve for the length of the block, with these settings; gives the URL.

    What embedded servers kept is gone afterwards.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TICKBOX_")}
    environment |= _UNLIMITED
    environment |= {f"TICKBOX_{name.upper()}": value for name, value in settings.items()}
    # Not below a folder of the caller's: as root, PostgreSQL's own user has to pass.
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        log = Path(folder) / "tickbox.log"
        environment |= {"TICKBOX_DATA_DIR": f"{folder}/data", "TICKBOX_PORT": "0"}
        # Into a file, as a service's log goes: a pipe that nobody reads would stop it.
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the tool, which ends this in order.
                start_new_session=True,
            )
        try:
            yield _url(process, log)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            finally:
                process.kill()


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it listens, once it does."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        ready = _READY.search(log.read_text(errors="replace"))
        if ready is not None:
            return ready[1]
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise AssertionError(f"it did not start: {log.read_text(errors='replace')[-4000:]}")
