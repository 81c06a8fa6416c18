"""One connection to a server, which sends a request when it has the last one's answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from statistics import median, quantiles
from urllib.parse import urlsplit

from benchmarks.servers import BenchmarkError, Server

SECONDS = 30


@dataclass(frozen=True, slots=True)
class Latency:
    """From sending a request to having its answer whole, in milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, times: Sequence[float]) -> "Latency":
        """Of at least two requests."""
        return cls(median(times), quantiles(times, n=100, method="inclusive")[98])

    def __str__(self) -> str:
        return f"{self.p50:.1f} / {self.p99:.1f}"


class Client:
    """Of the standard library: it costs 0.1 ms a request, which a latency here has in it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = HTTPConnection(urlsplit(server.url).netloc, timeout=SECONDS)

    def ask(self, path: str, token: str, method: str = "GET", body: str = "") -> bytes:
        """An answer's body. Raises `BenchmarkError` unless it is a 2xx."""
        return self.timed(path, token, method, body)[1]

    def timed(
        self, path: str, token: str, method: str = "GET", body: str = ""
    ) -> tuple[float, bytes]:
        """The milliseconds that it took, and the answer's body."""
        headers = {"Authorization": f"Bearer {token}"}
        if body:
            headers["Content-Type"] = "application/json"
        start = time.perf_counter()
        try:
            self._connection.request(method, path, body.encode() or None, headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as error:
            raise BenchmarkError(
                f"{method} {path} was not answered ({error!r}).\n{self._server.last_words()}"
            ) from None
        duration = time.perf_counter() - start
        if response.status // 100 != 2:
            raise BenchmarkError(
                f"{method} {path} was answered by {response.status}: {answer[:500]!r}\n"
                f"{self._server.last_words()}"
            )
        return duration * 1e3, answer
