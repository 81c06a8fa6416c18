"""The metrics of several workers in one answer."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition, parser
from prometheus_client.parser import text_string_to_metric_families

from app.core.gathering import PATIENCE, Gathered, tell
from app.core.metrics import Metrics

# Without types; the stricter format is to be kept as well.
WRITE_OPENMETRICS: Any = exposition.generate_latest
READ_OPENMETRICS: Any = parser.text_string_to_metric_families
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


@pytest.fixture
def folder() -> Iterator[Path]:
    # A short one: a socket's address is.
    with TemporaryDirectory(prefix="tickbox-test-") as folder:
        yield Path(folder)


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
    with TemporaryDirectory(prefix="tickbox-test-") as folder, ExitStack() as stack:
        sockets = [Path(folder) / str(number) for number in range(len(workers))]
        for metrics, path in zip(workers, sockets, strict=True):
            stack.enter_context(tell(metrics.registry, path))
        registry = Gathered(sockets).registry
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


def test_one_that_is_not_there_is_left_out(folder: Path) -> None:
    with tell(Metrics().registry, folder / "0"):
        samples = read(Gathered([folder / "0", folder / "1"]).registry)
    assert of_worker(samples, "1") == {}
    up = {labels: value for (name, labels), value in samples.items() if name == "tickbox_worker_up"}
    assert up == {frozenset({("worker", "0")}): 1, frozenset({("worker", "1")}): 0}


@pytest.mark.parametrize("says", [b"", b"[", b'[["tickbox_build_info", "1, with'])
def test_one_that_dies_while_it_tells_is_left_out(folder: Path, says: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "1"))
        listener.listen()

        def die() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(says)

        dying = threading.Thread(target=die)
        dying.start()
        with tell(Metrics().registry, folder / "0"):
            samples = read(Gathered([folder / "0", folder / "1"]).registry)
        dying.join()
    assert of_worker(samples, "0") != {}
    assert of_worker(samples, "1") == {}
    assert samples["tickbox_worker_up", frozenset({("worker", "1")})] == 0


def test_those_that_say_nothing_cost_the_patience_for_one(folder: Path) -> None:
    with ExitStack() as stack:
        for number in range(1, 9):
            silent = stack.enter_context(socket.socket(socket.AF_UNIX))
            silent.bind(str(folder / str(number)))
            silent.listen()
        stack.enter_context(tell(Metrics().registry, folder / "0"))
        registry = Gathered([folder / str(number) for number in range(9)]).registry
        begin = time.monotonic()
        samples = read(registry)
        assert time.monotonic() - begin < 4 * PATIENCE
    assert of_worker(samples, "0") != {}


def test_a_successor_takes_the_place_of_one_that_was_killed(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(folder / "0"))
    assert (folder / "0").exists()
    with tell(Metrics().registry, folder / "0"):
        assert of_worker(read(Gathered([folder / "0"]).registry), "0") != {}
    assert not (folder / "0").exists()
