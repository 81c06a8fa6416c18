"""What Prometheus is told, counted by prometheus_client.

`labels()` locks and checks, which takes longer than to count; so what each request counts is bound
to its labels once. What others know or count themselves is copied by `Metrics.sample`: once a
second, and before the process itself is asked. No label is anything that clients can make up:
routes are templates, all unknown paths are one, and there are no users or ids.

Where the environment variable `FOLDER` names a folder when prometheus_client is imported, it keeps
all values in files there (`worker_metrics.py`).
"""

import asyncio
import platform
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
)

from app.core.errors import AppError
from app.observability import logs

if TYPE_CHECKING:
    from app.database.pool import Pool
    from app.redis.rate_limits import Limit

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SAMPLE_SECONDS = 1.0
# Seconds; a cached read takes 1 ms, a request is cut after some 10 s.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_Key = tuple[str | None, str, int | None]  # route, method and status
BUILD = {"version": version("tickbox"), "python": platform.python_version()}

prometheus_client.disable_created_metrics()


class RequestCounts:
    """Requests: how many run, how those ended that did, and what the cache said to reads.

    `refused` counts the connections that ended before there was one, by reason.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.in_flight = 0
        self.cache: Counts[bytes] = Counts()
        self.refused: Counts[str] = Counts()
        # What counts a request of each kind, and what takes its seconds.
        self.series: dict[_Key, tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._requests = Counter(
            "tickbox_http_requests",
            "Requests that ended, by method, route and status.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "tickbox_http_request_duration_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=registry,
        )

    def ended(self, route: str | None, method: str, status: int | None, seconds: float) -> None:
        """Count a request; `status` is None if nobody was answered.

        `route` is a template, None for an unknown path, and `method` one of a few.
        """
        key = (route, method, status)
        if key not in self.series:
            labels = (method, route or "unknown")
            requests = self._requests.labels(*labels, status or "none")
            self.series[key] = (requests.inc, self._seconds.labels(*labels).observe)
        count, observe = self.series[key]
        count()
        observe(seconds)


class Outcomes:
    """How something ended, by its kind: well, or with the code of an `AppError`."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    @contextmanager
    def counted(self, kind: str) -> Iterator[None]:
        """Count how the block ends. `kind` is one of a few that the code names."""
        outcome = "failed"
        try:
            yield
            outcome = "succeeded"
        except AppError as error:
            outcome = error.code
            raise
        finally:
            self._counter.labels(kind, outcome).inc()


class Metrics:
    """What there is to tell of one process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self._counter = counter = partial(Counter, registry=registry)
        self._gauge = gauge = partial(Gauge, registry=registry)
        # What is copied: to where, and from where. Of totals also what was told of them.
        self._levels: list[tuple[Gauge, Callable[[], float]]] = []
        self._totals: list[tuple[Counter, Callable[[], int]]] = []
        self._told: Counts[Counter] = Counts()

        build = gauge("tickbox_build_info", "1.", BUILD.keys(), multiprocess_mode="livemax")
        build.labels(**BUILD).set(1)
        self.requests = requests = RequestCounts(registry)
        text = "Tokens asked for, by outcome: succeeded, or the error's code."
        self.sign_ins = Outcomes(counter("tickbox_sign_ins", text, ["grant", "outcome"]))
        in_flight = gauge(
            "tickbox_http_requests_in_flight",
            "Requests being answered.",
            multiprocess_mode="livesum",
        )
        self._levels.append((in_flight, lambda: requests.in_flight))
        text = "Connections that ended without a request."
        refused = counter("tickbox_connections_refused", text, ["reason"])
        for reason in ("timeout", "malformed", "head_too_large"):
            self._totals.append(
                (refused.labels(reason), partial(requests.refused.__getitem__, reason))
            )
        reads = counter("tickbox_cache_reads", "Reads, by what the cache said.", ["outcome"])
        for outcome in ("hit", "miss", "bypass"):
            total = partial(requests.cache.__getitem__, outcome.encode())
            self._totals.append((reads.labels(outcome), total))
        dropped = counter("tickbox_log_lines_dropped", "Log lines that nobody read in time.")
        self._totals.append((dropped, logs.dropped))

    def watch(
        self,
        pools: "Mapping[str, Pool]",
        is_redis_up: Callable[[], bool],
        limits: "Iterable[Limit]",
    ) -> None:
        """Tell of these too."""
        for attribute, name, text in (
            ("size", "connections_max", "Connections to PostgreSQL that there may be."),
            ("in_use", "connections_in_use", "Connections to PostgreSQL that are in use."),
            ("waiting", "waiting", "Tasks that wait for a connection to PostgreSQL."),
        ):
            gauge = self._gauge(
                f"tickbox_database_pool_{name}", text, ["pool"], multiprocess_mode="livesum"
            )
            for pool_name, pool in pools.items():
                self._levels.append((gauge.labels(pool_name), partial(getattr, pool, attribute)))
        # Of several processes it is the least: 0 is an alarm.
        up = self._gauge("tickbox_redis_up", "1 if Redis answers.", multiprocess_mode="livemin")
        self._levels.append((up, is_redis_up))
        text = "Calls, by what a limit said."
        calls = self._counter("tickbox_rate_limit_calls", text, ["policy", "verdict"])
        for limit in limits:
            for verdict in ("allowed", "refused"):
                counter = calls.labels(limit.name.decode(), verdict)
                self._totals.append((counter, partial(getattr, limit, verdict)))

    def sample(self) -> None:
        """Copy what others know or count, as it is now."""
        for gauge, level in self._levels:
            gauge.set(level())
        for counter, total in self._totals:
            now = total()
            # A log that is configured anew counts from 0 again.
            counter.inc(max(0, now - self._told[counter]))
            self._told[counter] = now

    async def keep_sampling(self) -> None:
        """Sample once a second, until it is cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(SAMPLE_SECONDS)
