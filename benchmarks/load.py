"""The load: wrk, from the cores that are not the app's, and what a cell of the table is."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from benchmarks.cases import Case
from benchmarks.servers import BenchmarkError, Server

SCRIPT = Path(__file__).with_name("requests.lua")
# More than a cell can send: no two cells write the same title to the same todo.
_NUMBERS = count(10_000_000, 10_000_000)


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement."""

    peer: str
    case: Case
    connections: int
    rate: float  # answers a second
    p50: float  # ms
    p99: float
    cpu: float  # of the app, µs a request

    def __str__(self) -> str:
        return (
            f"{self.case.name}, {self.connections} connections, {self.peer}: "
            f"{self.rate:,.0f} requests/s, {self.cpu:.0f} µs"
        )


def wrk() -> str:
    """Where wrk is."""
    path = shutil.which("wrk")
    if path is None:
        raise BenchmarkError("The benchmark needs wrk: apt-get install wrk")
    return path


def wrk_version() -> str:
    """Its name and version."""
    said = subprocess.run([wrk(), "-v"], capture_output=True, text=True, check=False).stdout
    return " ".join(said.split()[:2])


def probe(server: Server, case: Case, todo_id: str) -> httpx.Response:
    """One request, to see that the peer does what the case says."""
    peer = server.peer
    path = peer.paths[case].replace("{id}", todo_id)
    headers = {"Authorization": f"Bearer {peer.people[case.sender].token}"}
    if case.body:
        headers["Content-Type"] = "application/json"
    body = case.body.replace("{n}", "0")
    response = httpx.request(case.method, server.url + path, headers=headers, content=body)
    if not response.is_success:
        raise BenchmarkError(
            f"{peer.name} answers {response.status_code} to {case.name}: {response.text[:500]}\n"
            f"{server.last_words()}"
        )
    return response


def warm_up(loads: Sequence[tuple[Server, Path]], case: Case, connections: int) -> None:
    """A second for all of them at the same time, so that no cell pays for first times."""
    with ExitStack() as stack:
        running = [
            (server, stack.enter_context(_start(server, case, connections, 1, ids)))
            for server, ids in loads
        ]
        for server, process in running:
            _result(server, case, process)


def measure(server: Server, case: Case, connections: int, seconds: int, ids: Path) -> Cell:
    """Load one peer with one case. Raises `BenchmarkError` for any answer that is not a 2xx."""
    before = server.cpu_seconds()
    with _start(server, case, connections, seconds, ids) as process:
        result = _result(server, case, process)
    cpu = server.cpu_seconds() - before
    requests = result["requests"]
    return Cell(
        server.peer.name,
        case,
        connections,
        rate=requests / result["seconds"],
        p50=result["p50"],
        p99=result["p99"],
        cpu=cpu * 1e6 / requests,
    )


def _start(
    server: Server, case: Case, connections: int, seconds: int, ids: Path
) -> subprocess.Popen[str]:
    peer = server.peer
    script = (
        *(case.method, peer.paths[case], case.body, peer.people[case.sender].token),
        *(str(next(_NUMBERS)), str(ids)),
    )
    return subprocess.Popen(
        [
            *(wrk(), "--threads=1", f"--connections={connections}", f"--duration={seconds}s"),
            *("--latency", f"--script={SCRIPT}", server.url, "--", *script),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _result(server: Server, case: Case, process: subprocess.Popen[str]) -> dict[str, Any]:
    """What wrk measured. Raises `BenchmarkError` where anything went wrong."""
    output, _ = process.communicate()
    try:
        result: dict[str, Any] = json.loads(output.splitlines()[-1])
    except (ValueError, IndexError):
        raise BenchmarkError(f"wrk failed:\n{output}") from None
    bad = {name: result[name] for name in ("refused", "broken") if result[name]}
    if bad or not result["requests"]:
        raise BenchmarkError(
            f"{server.peer.name} failed in {case.name}: of {result['requests']} requests {bad} "
            f"(refused: answered by an error, broken: not answered).\n{server.last_words()}"
        )
    return result
