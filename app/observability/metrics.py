"""What Prometheus is told: plain counters while requests run, rendered when it asks.

prometheus_client's own counters look their labels up under a lock in each request; a dict's item
costs a tenth of that. So everything counts where it happens, in ints, and `Metrics` makes metric
families of it. No label is anything that clients can make up: routes are templates, all unknown
paths are one, and there are no users or ids.

A process knows itself alone; `worker_metrics.py` tells of several workers together.
"""

import asyncio
import platform
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import accumulate

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.routing import Match
from starlette.types import Scope

from app.core.addresses import address_of
from app.core.errors import AppError
from app.database.unit_of_work import Database
from app.observability import logs
from app.redis.client import Redis
from app.redis.rate_limits import Limit

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# Why connections end before there is a request.
REASONS = ("timeout", "malformed", "head_too_large")
# Seconds; a cached read takes 1 ms, a request is cut after some 10 s.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
UNKNOWN_ROUTE = "unknown"
NOT_ANSWERED = "none"
_BOUNDS = (*map(str, BUCKETS), "+Inf")
# How the headers begin by which proxies tell whom they ask for.
_FORWARDED = (b"forwarded", b"x-forwarded-", b"x-real-ip", b"via")

Key = tuple[str | None, str, int | None]


class RequestCounts:
    """Requests: how many run, how those ended that did, and what the cache said to reads.

    `refused` counts the connections that ended before there was one, by reason.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        # For each how many took as long as the bucket says, and last the seconds of all.
        self.series: dict[Key, list[float]] = {}
        self.cache: Counter[bytes] = Counter()
        self.refused: Counter[str] = Counter()

    def see(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Count what an answer's headers say of the cache."""
        for name, value in headers:
            if name == b"x-cache":
                self.cache[value] += 1

    def ended(self, route: str | None, method: str, status: int | None, seconds: float) -> None:
        """Count a request; `status` is None if nobody was answered.

        `route` is a template, None for an unknown path, and `method` one of a few.
        """
        key = (route, method, status)
        series = self.series.get(key)
        if series is None:
            series = self.series[key] = [0] * (len(_BOUNDS) + 1)
        series[bisect_left(BUCKETS, seconds)] += 1
        series[-1] += seconds


class Outcomes:
    """How something ended, by its kind: well, or with the code of an `AppError`."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

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
            self.counts[kind, outcome] += 1


class Metrics(Collector):
    """What there is to tell of one process. `registry` is for prometheus_client's encoders."""

    def __init__(self) -> None:
        self.requests = RequestCounts()
        self.sign_ins = Outcomes()
        self._database: Database | None = None
        self._redis: Redis | None = None
        self._limits: tuple[Limit, ...] = ()
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def watch(self, database: Database, redis: Redis, limits: Iterable[Limit]) -> None:
        """Tell of these too."""
        self._database, self._redis, self._limits = database, redis, tuple(limits)

    def collect(self) -> Iterator[Metric]:
        """All metric families, as they are now; may be called in another thread."""
        yield _gauge(
            "tickbox_build_info",
            "1, with what is running.",
            {(version("tickbox"), platform.python_version()): 1},
            ("version", "python"),
        )
        yield from self._of_requests()
        yield _counter(
            "tickbox_cache_reads",
            "Reads that the cache is for, by what it said: hit, miss or bypass.",
            {(outcome.decode(),): count for outcome, count in self.requests.cache.copy().items()},
            ("outcome",),
        )
        yield _counter(
            "tickbox_rate_limit_calls",
            "Calls that a limit was asked about, by policy and what it said.",
            {
                (limit.name.decode(), verdict): getattr(limit, verdict)
                for limit in self._limits
                for verdict in ("allowed", "refused")
            },
            ("policy", "verdict"),
        )
        yield _counter(
            "tickbox_sign_ins",
            "Tokens asked for, by grant and by outcome: succeeded, or the error's code.",
            self.sign_ins.counts.copy(),
            ("grant", "outcome"),
        )
        yield from self._of_stores()
        yield _counter(
            "tickbox_log_lines_dropped",
            "Log lines that were not written since nobody read them in time.",
            {(): logs.dropped()},
        )

    def _of_requests(self) -> Iterator[Metric]:
        by_status: dict[tuple[str, ...], float] = {}
        by_route: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0] * (len(_BOUNDS) + 1))
        for (template, method, status), series in list(self.requests.series.items()):
            route = template or UNKNOWN_ROUTE
            values = list(series)
            by_status[method, route, str(status or NOT_ANSWERED)] = sum(values[:-1])
            sums = by_route[method, route]
            sums[:] = [a + b for a, b in zip(sums, values, strict=True)]
        yield _counter(
            "tickbox_http_requests",
            "Requests that ended, by method, route and status.",
            by_status,
            ("method", "route", "status"),
        )
        seconds = HistogramMetricFamily(
            "tickbox_http_request_duration_seconds",
            "Seconds from a request's head to the end of its answer.",
            labels=("method", "route"),
        )
        for labels, values in by_route.items():
            counts = zip(_BOUNDS, accumulate(values[:-1]), strict=True)
            seconds.add_metric(labels, list(counts), sum_value=values[-1])
        yield seconds
        yield _gauge(
            "tickbox_http_requests_in_flight",
            "Requests that are being answered.",
            {(): self.requests.in_flight},
        )
        yield _counter(
            "tickbox_connections_refused",
            "Connections that ended before there was a request, by reason.",
            {(reason,): self.requests.refused[reason] for reason in REASONS},
            ("reason",),
        )

    def _of_stores(self) -> Iterator[Metric]:
        pools = {} if self._database is None else self._database.pools
        for name, text, attribute in (
            ("connections_max", "Connections to PostgreSQL that there may be.", "size"),
            ("connections_in_use", "Connections to PostgreSQL that are in use.", "in_use"),
            ("waiting", "Tasks that wait for a connection to PostgreSQL.", "waiting"),
        ):
            values: dict[tuple[str, ...], float] = {
                (pool,): getattr(found, attribute) for pool, found in pools.items()
            }
            yield _gauge(f"tickbox_database_pool_{name}", text, values, ("pool",))
        if self._redis is not None:
            yield _gauge(
                "tickbox_redis_up", "1 while Redis answers.", {(): int(self._redis.is_connected)}
            )


class _LocalRoute(APIRoute):
    """One that is there only for who asks from this machine, and for nobody else."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As for any route, and for others as for none."""
        return super().matches(scope) if _is_local(scope) else (Match.NONE, {})


def _is_local(scope: Scope) -> bool:
    address = address_of(scope["client"][0]) if scope.get("client") else None
    return (
        address is not None
        and address.is_loopback
        and not any(name.startswith(_FORWARDED) for name, _ in scope["headers"])
    )


def install(app: FastAPI, registry: CollectorRegistry) -> None:
    """Serve `/metrics` beside `/v1`, to this machine."""

    async def answer(request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        # Other workers may have to be waited for.
        return Response(await asyncio.to_thread(encode, registry), media_type=media_type)

    app.router.routes.append(
        _LocalRoute("/metrics", answer, include_in_schema=False, response_class=Response)
    )


def _counter(
    name: str,
    text: str,
    values: "dict[tuple[str, ...], float] | Counter[tuple[str, str]]",
    labels: tuple[str, ...] = (),
) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _gauge(
    name: str, text: str, values: dict[tuple[str, ...], float], labels: tuple[str, ...] = ()
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
