"""The metrics of several workers in one answer."""

import errno
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from select import select
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition, parser
from prometheus_client.parser import text_string_to_metric_families

from app.observability.metrics import Metrics
from app.server import gathering
from app.server.gathering import PATIENCE, Gathered, lines, tell

# Without types; the stricter format is to be kept as well.
WRITE_OPENMETRICS: Any = exposition.generate_latest
READ_OPENMETRICS: Any = parser.text_string_to_metric_families
SCRAPES = 50
Request = tuple[str | None, str, int | None, float]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
REQUESTS = st.lists(
    st.tuples(
        st.sampled_from([None, "/v1/todos", "/v1/todos/{todo_id}"]),
        st.sampled_from(["GET", "POST"]),
        st.sampled_from([200, 404, None]),
        st.floats(0, 60, allow_nan=False),
    ),
    max_size=20,
)


def read(registry: CollectorRegistry) -> Samples:
    text = generate_latest(registry).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of_worker(samples: Samples, worker: str) -> Samples:
    """As this one told them, without what it did by itself meanwhile."""
    label = ("worker", worker)
    return {
        (name, labels - {label}): value
        for (name, labels), value in samples.items()
        if label in labels and name.startswith("tickbox_") and name != "tickbox_worker_up"
    }


@given(st.lists(REQUESTS, min_size=1, max_size=4))
def test_what_each_tells_is_there_under_its_number(told: list[list[Request]]) -> None:
    workers = []
    for requests in told:
        metrics = Metrics()
        for request in requests:
            metrics.requests.ended(*request)
        workers.append(metrics)
    with lines(len(workers)) as places, ExitStack() as stack:
        for metrics, place in zip(workers, places, strict=True):
            stack.enter_context(tell(metrics.registry, place.hearing))
        registry = Gathered(places).registry
        samples = read(registry)
        assert list(READ_OPENMETRICS(WRITE_OPENMETRICS(registry).decode()))
    for number, metrics in enumerate(workers):
        alone = {
            key: value
            for key, value in read(metrics.registry).items()
            if key[0].startswith("tickbox_")
        }
        assert of_worker(samples, str(number)) == alone
    numbers = {str(number) for number in range(len(workers))}
    assert {dict(labels).get("worker") for _, labels in samples} == numbers


def test_one_that_is_not_there_is_left_out() -> None:
    with lines(2) as places, tell(Metrics().registry, places[0].hearing):
        samples = read(Gathered(places).registry)
    assert of_worker(samples, "1") == {}
    up = {labels: value for (name, labels), value in samples.items() if name == "tickbox_worker_up"}
    assert up == {frozenset({("worker", "0")}): 1, frozenset({("worker", "1")}): 0}


@pytest.mark.parametrize("says", [b"", b"[", b'[["tickbox_build_info", "1, with'])
def test_one_that_dies_while_it_tells_is_left_out(says: bytes) -> None:
    with lines(2) as places, tell(Metrics().registry, places[0].hearing):

        def die() -> None:
            with socket.socket(fileno=os.dup(places[1].hearing)) as heard:
                select([heard], [], [], 20)
                _, [asker], _, _ = socket.recv_fds(heard, 1, 1)
            with socket.socket(fileno=asker) as connection:
                connection.sendall(says)

        dying = threading.Thread(target=die)
        dying.start()
        samples = read(Gathered(places).registry)
        dying.join()
    assert of_worker(samples, "0") != {}
    assert of_worker(samples, "1") == {}
    assert samples["tickbox_worker_up", frozenset({("worker", "1")})] == 0


def test_those_that_say_nothing_cost_the_patience_for_one() -> None:
    with lines(9) as places, tell(Metrics().registry, places[0].hearing):
        registry = Gathered(places).registry
        begin = time.monotonic()
        samples = read(registry)
        assert time.monotonic() - begin < 4 * PATIENCE
    assert of_worker(samples, "0") != {}


def test_one_that_was_stuck_tells_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """More have asked it meanwhile, and gone, than its line holds."""
    with lines(1) as places:
        registry = Gathered(places).registry
        with monkeypatch.context() as hurried:
            hurried.setattr(gathering, "PATIENCE", 0.001)
            for _ in range(1000):
                assert of_worker(read(registry), "0") == {}
        with tell(Metrics().registry, places[0].hearing):
            assert of_worker(read(registry), "0") != {}


def test_one_that_fails_once_says_so_and_tells_again(caplog: pytest.LogCaptureFixture) -> None:
    registry = Metrics().registry
    failing = Mock(collect=Mock(side_effect=[RuntimeError("changed size"), iter(())]))
    failing.describe.return_value = ()
    registry.register(failing)
    with lines(1) as places, tell(registry, places[0].hearing):
        gathered = Gathered(places).registry
        begin = time.monotonic()
        assert of_worker(read(gathered), "0") == {}
        assert time.monotonic() - begin < PATIENCE  # they are not left to wait for it
        assert of_worker(read(gathered), "0") != {}
    assert [record.getMessage() for record in caplog.records] == ["the metrics cannot be told"]


def test_a_successor_takes_the_place_of_one_that_has_ended() -> None:
    with lines(1) as places:
        registry = Gathered(places).registry
        for _ in range(2):
            with tell(Metrics().registry, places[0].hearing):
                assert of_worker(read(registry), "0") != {}


def test_who_cannot_ask_now_leaves_those_who_wait_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    with lines(1) as places, tell(Metrics().registry, places[0].hearing):
        registry = Gathered(places).registry
        with monkeypatch.context() as full:
            full.setattr(gathering, "_ask", Mock(side_effect=OSError(errno.EMFILE, "full")))
            with pytest.raises(OSError, match="full"):
                read(registry)
        assert of_worker(read(registry), "0") != {}


@pytest.mark.parametrize("of_one", [True, False])
def test_many_who_ask_at_once_all_see_all(*, of_one: bool) -> None:
    """Of one process, or of as many as there are workers; and what was before they asked."""
    workers = [Metrics() for _ in range(4)]
    with lines(4) as places, ExitStack() as stack:
        for metrics, place in zip(workers, places, strict=True):
            stack.enter_context(tell(metrics.registry, place.hearing))
        asked = [Gathered(places) for _ in range(1 if of_one else 4)]
        everybody = threading.Barrier(SCRAPES)

        def scrape(number: int) -> list[str]:
            seen = []
            for _ in range(3):
                everybody.wait(20)
                workers[number % 4].requests.ended(f"/{number}", "GET", 200, 0.1)
                seen.append(generate_latest(asked[number % len(asked)].registry).decode())
            return seen

        with ThreadPoolExecutor(SCRAPES) as pool:
            seen = list(pool.map(scrape, range(SCRAPES)))
    for number, answers in enumerate(seen):
        for count, text in enumerate(answers, 1):
            for worker in range(4):
                assert f'tickbox_worker_up{{worker="{worker}"}} 1.0\n' in text
            mine = f'method="GET",route="/{number}",status="200",worker="{number % 4}"'
            assert f"tickbox_http_requests_total{{{mine}}} {count}.0\n" in text
