"""`tickbox serve --workers 2` as its users meet it."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.core.settings import Settings
from tests.people import PASSWORD
from tests.run.conftest import Start
from tests.run.processes import Tickbox, assert_refused, still_there

SECONDS = 60


def until(is_so: Callable[[], bool]) -> None:
    """Wait for it, on what it asks of the service; not for ever."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline


def told(metrics: str, name: str, **labels: str) -> float:
    """The sum of the series of this name that have these labels."""
    text = httpx.get(metrics).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def lives(metrics: str) -> float:
    """How many requests to `/livez` were answered."""
    return told(metrics, "tickbox_http_requests_total", route="/livez")


def are_both_up(metrics: str) -> bool:
    """Whether two workers are told of, and none that has died."""
    connections = told(metrics, "tickbox_database_pool_connections_max", pool="primary")
    return connections == 2 * Settings().database_pool_size


@contextmanager
def only(worker: psutil.Process, run: Tickbox) -> Iterator[None]:
    """Nobody else takes connections."""
    others = [other for other in run.workers() if other.pid != worker.pid]
    for other in others:
        other.suspend()
    try:
        yield
    finally:
        for other in others:
            other.resume()


@contextmanager
def client_of(worker: psutil.Process, run: Tickbox, address: str) -> Iterator[httpx.Client]:
    """A client whose one connection is with this worker."""
    limits = httpx.Limits(max_connections=1)
    with httpx.Client(base_url=address, limits=limits, timeout=SECONDS) as client:
        with only(worker, run):
            client.get("/livez")
        yield client


@pytest.fixture(scope="module")
def two(start: Start, folder: Path) -> tuple[Tickbox, str]:
    """Two workers on embedded servers, for tests that leave them as they were."""
    run = start(folder / "two", TICKBOX_WORKERS="2", TICKBOX_LOG_LEVEL="warning")
    return run, run.wait_until_ready()


def test_one_answer_tells_of_both(two: tuple[Tickbox, str]) -> None:
    run, address = two
    metrics = f"{address}/metrics"
    assert are_both_up(metrics)
    before = lives(metrics)
    for sent, worker in zip((30, 20), run.workers(), strict=True):
        with client_of(worker, run, address) as client:
            for _ in range(sent - 1):  # it has sent one
                assert client.get("/livez").status_code == 200
            assert lives(metrics) - before == sent  # whoever of them is asked
        before += sent


def test_one_that_is_stuck_is_told_of_too(two: tuple[Tickbox, str]) -> None:
    run, address = two
    stuck, _ = run.workers()
    stuck.suspend()
    try:
        begin = time.monotonic()
        assert are_both_up(f"{address}/metrics")
        assert time.monotonic() - begin < 5
    finally:
        stuck.resume()


@pytest.mark.parametrize("how", ["session", "password", "account"])
def test_what_ended_in_one_is_refused_by_the_other(two: tuple[Tickbox, str], how: str) -> None:
    run, address = two
    first, second = run.workers()
    with client_of(first, run, address) as here, client_of(second, run, address) as there:
        email = f"{uuid4().hex}@example.com"
        here.post("/v1/users", json={"email": email, "password": PASSWORD}).raise_for_status()
        form = {"grant_type": "password", "username": email, "password": PASSWORD}

        def sign_in() -> dict[str, str]:
            token = here.post("/v1/oauth/token", data=form).raise_for_status().json()
            return {"Authorization": f"Bearer {token['access_token']}"}

        ending, mine = sign_in(), sign_in()
        assert there.get("/v1/todos", headers=ending).status_code == 200
        match how:
            case "session":
                sessions = here.get("/v1/sessions", headers=ending).json()["items"]
                [this] = [session for session in sessions if session["is_current"]]
                answer = here.delete(f"/v1/sessions/{this['id']}", headers=mine)
            case "password":
                change = {"current": PASSWORD, "new": f"{PASSWORD} {uuid4()}"}
                answer = here.post("/v1/users/me/password", headers=mine, json=change)
            case _:
                answer = here.request(
                    "DELETE", "/v1/users/me", headers=mine, json={"password": PASSWORD}
                )
        ended_at = time.monotonic()
        assert answer.status_code == 204, answer.text

        accepted_at = ended_at
        sent_at = time.monotonic()
        while there.get("/v1/todos", headers=ending).status_code == 200:
            accepted_at = sent_at
            sent_at = time.monotonic()
        assert accepted_at - ended_at < 1


def test_one_that_dies_is_replaced(start: Start, folder: Path) -> None:
    # The parent does not look at signals while a worker starts, which may take long here.
    settings = {"TICKBOX_SHUTDOWN_DELAY": "5", "TICKBOX_REQUEST_TIMEOUT": "60"}
    run = start(folder / "replaced", TICKBOX_WORKERS="2", **settings)
    address = run.wait_until_ready()
    killed, other = run.workers()
    killed.kill()
    until(lambda: len({*run.workers()} - {killed}) == 2)
    assert other in run.workers()
    assert httpx.get(f"{address}/livez").status_code == 200

    # Told to end, all finish what is open, and are not ready while they do.
    url, body = httpx.URL(address), b'{"email": "ada@example.com"}'
    with client_of(other, run, address) as client:
        upload = HTTPConnection(url.host, url.port, timeout=SECONDS)
        with only(other, run):
            upload.putrequest("POST", "/v1/users")
            upload.putheader("Content-Type", "application/json")
            upload.putheader("Content-Length", str(len(body)))
            upload.endheaders(body[:1])
            httpx.get(f"{address}/livez")  # which comes after it
        servers = psutil.Process(run.process.pid).children(recursive=True)
        run.press_ctrl_c()
        until(lambda: client.get("/readyz").status_code == 503)
        assert client.get("/livez").status_code == 200
        upload.send(body[1:])
        assert upload.getresponse().status == 422  # it has no password
        upload.close()
    code, errors = run.end()
    assert code == 0
    assert still_there(servers) == []
    [said] = [line for line in errors.splitlines() if '"error"' in line]
    assert f"worker {killed.pid} has ended by itself (exit code -9)" in said


def test_a_second_signal_ends_all_at_once(start: Start, folder: Path) -> None:
    settings = {"TICKBOX_WORKERS": "2", "TICKBOX_SHUTDOWN_DELAY": "600"}
    run = start(folder / "two signals", **settings)
    address = run.wait_until_ready()
    first, second = run.workers()
    with client_of(first, run, address) as one, client_of(second, run, address) as other:
        run.process.terminate()
        for client in (one, other):
            until(lambda: client.get("/readyz").status_code == 503)  # noqa: B023 - called here
        run.process.terminate()
        assert run.end()[0] == 0
    assert still_there([first, second]) == []


def test_a_hangup_replaces_all_one_by_one(start: Start, folder: Path) -> None:
    run = start(folder / "rolled", TICKBOX_WORKERS="2", TICKBOX_SHUTDOWN_DELAY="3")
    address = run.wait_until_ready()
    before = {*run.workers()}
    run.process.send_signal(signal.SIGHUP)

    def is_rolled() -> bool:
        # There is always one that serves, and nobody is told that the service ends.
        assert httpx.get(f"{address}/readyz", timeout=SECONDS).status_code == 200
        return len({*run.workers()} - before) == 2 and not before & {*run.workers()}

    until(is_rolled)
    # To be told to end while it does so again is no less.
    run.process.send_signal(signal.SIGHUP)
    until(lambda: len(run.workers()) == 3)
    run.process.terminate()
    code, errors = run.end()
    assert code == 0
    assert '"error"' not in errors


def test_a_parent_that_is_killed_leaves_nothing_in_the_way(start: Start, folder: Path) -> None:
    run = start(folder / "killed", TICKBOX_WORKERS="2")
    port = str(httpx.URL(run.wait_until_ready()).port)
    workers = run.workers()
    assert len(workers) == 2
    run.process.kill()
    run.process.wait()
    until(lambda: still_there(workers) == [])

    again = start(folder / "killed", TICKBOX_WORKERS="2", TICKBOX_PORT=port)
    again.wait_until_ready()
    again.process.terminate()
    # It was ready once, and has nothing to complain of.
    output, errors = again.process.communicate(timeout=SECONDS)
    assert (again.process.returncode, output) == (0, "")
    assert '"error"' not in errors


def test_what_no_worker_can_do_is_said_once(start: Start, folder: Path) -> None:
    run = start(folder / "once", TICKBOX_WORKERS="2", TICKBOX_SIGNING_KEYS="none")
    assert_refused(run, "TICKBOX_SIGNING_KEYS")
