"""What Prometheus is told, counted by prometheus_client.

`labels()` locks and checks, which takes longer than to count; so what each request counts is bound
to its labels once. What is read rather than counted is copied by `Metrics.sample`: once a second,
and before the process itself is asked. No label is anything that clients can make up: routes are
templates, all unknown paths are one, and there are no users or ids.

Where the environment variable `FOLDER` names a folder when this is imported, prometheus_client
keeps all values in files there, and `worker_metrics.py` adds up those of several processes.
"""

import asyncio
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Protocol

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge, GCCollector, Histogram, ProcessCollector

from app.core.errors import AppError
from app.observability import logs

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SAMPLE_SECONDS = 1.0
# Seconds; a cached read takes 1 ms, a request is cut after some 10 s.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
UNKNOWN_ROUTE, NOT_ANSWERED = "unknown", "none"
# Why connections end before there is a request.
REASONS = ("timeout", "malformed", "head_too_large")

Key = tuple[str | None, str, int | None]  # route, method and status
BUILD = {"version": version("tickbox"), "python": platform.python_version()}

prometheus_client.disable_created_metrics()


class Pool(Protocol):
    """Connections to PostgreSQL: `size` at most, and tasks that wait for one."""

    size: int
    waiting: int

    @property
    def in_use(self) -> int:
        """How many connections somebody has."""


class Limit(Protocol):
    """A rate limit, and how many calls it has let through and refused."""

    name: bytes
    allowed: int
    refused: int


class RequestCounts:
    """Requests: how many run, how those ended that did, and what the cache said to reads.

    `refused` counts the connections that ended before there was one, by reason.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.in_flight = 0
        self.cache: Counter[bytes] = Counter()
        self.refused: Counter[str] = Counter()
        # What counts a request of each kind, and what takes its seconds.
        self.series: dict[Key, tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._requests = prometheus_client.Counter(
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
        series = self.series.get(key)
        if series is None:
            labels = (method, route or UNKNOWN_ROUTE)
            requests = self._requests.labels(*labels, status or NOT_ANSWERED)
            series = self.series[key] = (requests.inc, self._seconds.labels(*labels).observe)
        count, observe = series
        count()
        observe(seconds)


class Outcomes:
    """How something ended, by its kind: well, or with the code of an `AppError`."""

    def __init__(self, counter: prometheus_client.Counter) -> None:
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
        counter = partial(prometheus_client.Counter, registry=registry)
        self._gauge = gauge = partial(Gauge, registry=registry)
        # Of several processes the sum of those that run.
        sum_of = partial(gauge, multiprocess_mode="livesum")

        build = gauge("tickbox_build_info", "1.", BUILD.keys(), multiprocess_mode="livemax")
        build.labels(**BUILD).set(1)
        self.requests = RequestCounts(registry)
        self._in_flight = sum_of("tickbox_http_requests_in_flight", "Requests being answered.")
        self._refused = counter(
            "tickbox_connections_refused", "Connections that ended without a request.", ["reason"]
        )
        self._cache = counter("tickbox_cache_reads", "Reads, by what the cache said.", ["outcome"])
        self._limit_calls = counter(
            "tickbox_rate_limit_calls", "Calls, by what a limit said.", ["policy", "verdict"]
        )
        text = "Tokens asked for, by outcome: succeeded, or the error's code."
        self.sign_ins = Outcomes(counter("tickbox_sign_ins", text, ["grant", "outcome"]))
        self._dropped = counter("tickbox_log_lines_dropped", "Log lines that nobody read in time.")
        self._of_pools = {
            attribute: sum_of(f"tickbox_database_pool_{name}", text, ["pool"])
            for attribute, name, text in (
                ("size", "connections_max", "Connections to PostgreSQL that there may be."),
                ("in_use", "connections_in_use", "Connections to PostgreSQL that are in use."),
                ("waiting", "waiting", "Tasks that wait for a connection to PostgreSQL."),
            )
        }
        self._pools: Mapping[str, Pool] = {}
        self._limits: tuple[Limit, ...] = ()
        self._sample_redis: Callable[[], None] = lambda: None
        # How much was told of each total that is counted elsewhere.
        self._told: Counter[prometheus_client.Counter] = Counter()

    def watch(
        self, pools: Mapping[str, Pool], is_redis_up: Callable[[], bool], limits: Iterable[Limit]
    ) -> None:
        """Tell of these too."""
        self._pools, self._limits = pools, tuple(limits)
        # Not made before it is known: 0 is an alarm. Of several processes it is the least.
        up = self._gauge("tickbox_redis_up", "1 if Redis answers.", multiprocess_mode="livemin")
        self._sample_redis = lambda: up.set(is_redis_up())

    def sample(self) -> None:
        """Copy what is read rather than counted, as it is now."""
        self._in_flight.set(self.requests.in_flight)
        for reason in REASONS:
            self._tell(self._refused.labels(reason), self.requests.refused[reason])
        for outcome, total in self.requests.cache.items():
            self._tell(self._cache.labels(outcome.decode()), total)
        for limit in self._limits:
            for verdict in ("allowed", "refused"):
                calls = self._limit_calls.labels(limit.name.decode(), verdict)
                self._tell(calls, getattr(limit, verdict))
        self._tell(self._dropped, logs.dropped())
        for name, pool in self._pools.items():
            for attribute, gauge in self._of_pools.items():
                gauge.labels(name).set(getattr(pool, attribute))
        self._sample_redis()

    async def keep_sampling(self) -> None:
        """Sample once a second, until it is cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(SAMPLE_SECONDS)

    def _tell(self, counter: prometheus_client.Counter, total: int) -> None:
        # A log that is configured anew counts from 0 again.
        counter.inc(max(0, total - self._told[counter]))
        self._told[counter] = total
