"""What Prometheus is told of one process."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.core.settings import Settings, SettingsError
from app.database.unit_of_work import Database
from app.main import create_app
from app.observability import metrics as metrics_module
from app.observability.metrics import Metrics
from app.server.listeners import serve_metrics
from tests.apps import client_of
from tests.people import PASSWORD, sign_up

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
async def own(settings: Settings) -> AsyncIterator[FastAPI]:
    """An app that nobody else uses, and that serves its metrics."""
    async with observed(settings) as app:
        yield app


@asynccontextmanager
async def observed(settings: Settings, **changes: Any) -> AsyncIterator[FastAPI]:
    changed = Settings.model_validate({**settings.model_dump(), **changes})
    app = create_app(changed, embedded=True)
    async with app.router.lifespan_context(app):
        yield app


async def scrape(app: FastAPI) -> Samples:
    async with client_of(app) as client:
        response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(response.text)


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"tickbox_{name}", frozenset(labels.items())))


async def test_requests_are_counted_by_template_method_and_status(own: FastAPI) -> None:
    async with sign_up(own) as person:
        todo = await person.make_todo()
        for _ in range(3):
            await person.get(f"/v1/todos/{todo['id']}")
        await person.get(f"/v1/todos/{uuid4()}")
        await person.client.head(f"/v1/todos/{todo['id']}")
    samples = await scrape(own)

    route = "/v1/todos/{todo_id}"
    of = {"method": "GET", "route": route}
    assert value(samples, "http_requests_total", **of, status="200") == 3
    assert value(samples, "http_requests_total", **of, status="404") == 1
    assert value(samples, "http_request_duration_seconds_count", **of) == 4
    assert value(samples, "http_request_duration_seconds_bucket", **of, le="+Inf") == 4
    assert (value(samples, "http_request_duration_seconds_sum", **of) or 0) > 0
    assert value(samples, "http_requests_total", method="HEAD", route=route, status="200") == 1
    assert value(samples, "http_requests_in_flight") == 1  # the one that asks


async def test_no_label_is_made_up_by_clients(own: FastAPI, settings: Settings) -> None:
    async with sign_up(own) as person, sign_up(own) as other:
        await person.make_todo()
        await other.make_todo()
        before = set(await scrape(own))
        for n in range(20):
            mark = f"{n}-{uuid4()}"
            await person.get(f"/{mark}")
            await person.get(f"/v1/todos/{mark}")
            await person.get(f"/docs/assets/{mark}")
            await person.client.request(f"GEHEIM{n}", f"/{mark}")
            await person.client.get("/v1/todos", params={mark: mark})
            await person.client.post("/v1/oauth/token", data={"grant_type": mark})
        after = await scrape(own)

    new = set(after) - before
    labels = {label for _, labels in new for label in labels if label[0] != "le"}
    assert labels <= {
        ("route", "unknown"),
        ("route", "/v1/todos/{todo_id}"),
        ("route", "/docs/assets"),
        ("route", "/v1/todos"),
        ("route", "/v1/oauth/token"),
        ("route", "/metrics"),
        ("method", "GET"),
        ("method", "POST"),
        ("method", "other"),
        ("status", "400"),
        ("status", "404"),
        ("status", "422"),
        ("status", "200"),
    }
    unknown = value(after, "http_requests_total", method="GET", route="unknown", status="404")
    assert unknown == 20


async def test_the_cache_is_counted_by_what_it_said(settings: Settings) -> None:
    async with observed(settings, cache_seconds=30) as app, sign_up(app) as person:
        await person.get("/v1/todos")
        await person.get("/v1/todos")
        await person.get("/v1/todos?overdue=true")
        samples = await scrape(app)
    said = {o: value(samples, "cache_reads_total", outcome=o) for o in ("hit", "miss", "bypass")}
    # Redis may be slow on a busy machine, and is done without then.
    assert sum(count or 0 for count in said.values()) == 3
    assert (said["bypass"] or 0) >= 1


async def test_limits_are_counted_by_policy(settings: Settings) -> None:
    async with (
        observed(settings, limit_user_burst=2, limit_user_per_second=1) as app,
        sign_up(app) as person,
    ):
        answers = [await person.get("/v1/projects") for _ in range(6)]
        samples = await scrape(app)
    refused = sum(answer.status_code == 429 for answer in answers)
    assert refused > 0
    of_user = {"policy": "user"}
    assert value(samples, "rate_limit_calls_total", **of_user, verdict="refused") == refused
    assert value(samples, "rate_limit_calls_total", **of_user, verdict="allowed") == 6 - refused
    assert value(samples, "rate_limit_calls_total", policy="sign-up", verdict="allowed") == 1


@pytest.mark.parametrize(
    "changes", [{}, {"redis_url": "redis://127.0.0.1:1"}], ids=["redis", "none"]
)
async def test_failed_sign_ins_are_counted_by_whoever_decides(
    settings: Settings, changes: dict[str, Any]
) -> None:
    changes = {**changes, "limit_sign_in_failures_per_minute": 2}
    async with observed(settings, **changes) as app, client_of(app) as client:
        form = {"grant_type": "password", "username": f"{uuid4().hex}@example.com"}
        form["password"] = PASSWORD
        answers = [await client.post("/v1/oauth/token", data=form) for _ in range(5)]
        samples = await scrape(app)
    # Redis may be slow on a busy machine; then this process lets two more through.
    refused = sum(answer.status_code == 429 for answer in answers)
    assert refused > 0
    of = {"policy": "sign-in-failures"}
    assert value(samples, "rate_limit_calls_total", **of, verdict="allowed") == 5 - refused
    assert value(samples, "rate_limit_calls_total", **of, verdict="refused") == refused


async def test_sign_ins_are_counted_by_outcome(own: FastAPI) -> None:
    async with sign_up(own) as person:
        form = {"grant_type": "password", "username": person.user["email"]}
        await person.client.post("/v1/oauth/token", data=form | {"password": f"{PASSWORD}!"})
        await person.client.post("/v1/oauth/token", data=form)
        await person.client.post(
            "/v1/oauth/token",
            data={"grant_type": "refresh_token", "refresh_token": person.tokens["refresh_token"]},
        )
    samples = await scrape(own)
    counts = {
        tuple(sorted(dict(labels).values())): count
        for (name, labels), count in samples.items()
        if name == "tickbox_sign_ins_total"
    }
    assert counts == {
        ("password", "succeeded"): 1,
        ("invalid_grant", "password"): 1,
        ("invalid_request", "password"): 1,
        ("refresh_token", "succeeded"): 1,
    }


async def test_the_pool_is_told_by_who_has_and_who_waits(settings: Settings) -> None:
    database = Database(settings.model_copy(update={"database_pool_size": 1}))
    metrics = Metrics()
    metrics.watch(database.pools, lambda: False, [])

    def told() -> list[float | None]:
        metrics.sample()
        samples = read(generate_latest(metrics.registry).decode())
        names = ("connections_max", "connections_in_use", "waiting")
        return [value(samples, f"database_pool_{name}", pool="primary") for name in names]

    pool = database.pools["primary"]
    assert told() == [1, 0, 0]
    connection = await pool.acquire()
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)  # it runs until it waits
    assert told() == [1, 1, 1]
    pool.release(connection)
    connection = await waiting
    assert told() == [1, 1, 0]
    pool.release(connection)
    assert told() == [1, 0, 0]
    await database.close()


async def test_what_is_running_is_told(own: FastAPI) -> None:
    samples = await scrape(own)
    [build] = [dict(labels) for name, labels in samples if name == "tickbox_build_info"]
    assert build.keys() == {"version", "python"}
    assert value(samples, "redis_up") in (0, 1)
    assert value(samples, "log_lines_dropped_total") == 0
    assert ("process_resident_memory_bytes", frozenset()) in samples


def test_a_request_that_nobody_was_answered_is_counted() -> None:
    metrics = Metrics()
    metrics.requests.ended(None, "GET", None, 0.1)
    samples = read(generate_latest(metrics.registry).decode())
    of = {"method": "GET", "route": "unknown", "status": "none"}
    assert value(samples, "http_requests_total", **of) == 1


def test_what_is_counted_elsewhere_is_told_once_and_never_falls() -> None:
    metrics = Metrics()
    for total, told in ((2, 2), (2, 2), (3, 3), (1, 3), (2, 4)):
        metrics.requests.cache[b"hit"] = total
        metrics.sample()
        samples = read(generate_latest(metrics.registry).decode())
        assert value(samples, "cache_reads_total", outcome="hit") == told


def test_connections_without_a_request_are_told_by_reason() -> None:
    metrics = Metrics()
    metrics.requests.refused["malformed"] += 2
    metrics.sample()
    samples = read(generate_latest(metrics.registry).decode())
    reasons = ("timeout", "malformed", "head_too_large")
    told = [value(samples, "connections_refused_total", reason=reason) for reason in reasons]
    assert told == [0, 2, 0]


async def test_it_is_sampled_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    sampled: asyncio.Queue[None] = asyncio.Queue()
    monkeypatch.setattr(metrics_module, "SAMPLE_SECONDS", 0)
    monkeypatch.setattr(metrics, "sample", lambda: sampled.put_nowait(None))
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        sampling = tasks.create_task(metrics.keep_sampling())
        for _ in range(3):
            await sampled.get()
        sampling.cancel()


class TestPort:
    """Where `/metrics` is."""

    async def test_is_not_that_of_the_app_unless_it_is_told(self, app: FastAPI) -> None:
        async with client_of(app) as client:
            assert (await client.get("/metrics")).status_code == 404

    async def test_is_its_own(self) -> None:
        metrics = Metrics()
        with metrics.sign_ins.counted("password"):
            pass
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = Settings(metrics_port=port)
        serve_metrics(settings, metrics.registry)
        async with httpx.AsyncClient() as client:
            response = await client.get(f"http://127.0.0.1:{port}/metrics")
            samples = read(response.text)
        with pytest.raises(SettingsError, match=r"in use.: .* TICKBOX_METRICS_PORT"):
            serve_metrics(settings, metrics.registry)
        assert value(samples, "sign_ins_total", grant="password", outcome="succeeded") == 1

    async def test_needs_an_address_of_this_machine(self) -> None:
        settings = Settings(metrics_port=9100, metrics_host="192.0.2.1")
        with pytest.raises(SettingsError, match="TICKBOX_METRICS_HOST"):
            serve_metrics(settings, Metrics().registry)
