"""`tickbox serve --workers 2` as its users meet it."""

import time
from collections.abc import Iterator
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
from tests.run.workers import SECONDS, client_of, until


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


@pytest.fixture(scope="class")
def two(data_dir: Path) -> Iterator[tuple[Tickbox, str]]:
    run = Tickbox(data_dir, TICKBOX_WORKERS="2", TICKBOX_LOG_LEVEL="warning")
    try:
        yield run, run.wait_until_ready()
        run.process.terminate()
        assert run.end()[0] == 0
    finally:
        run.process.kill()


class TestTwo:
    """On embedded servers; each test leaves them as they were."""

    def test_one_answer_tells_of_both(self, two: tuple[Tickbox, str]) -> None:
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

    def test_one_that_is_stuck_is_told_of_too(self, two: tuple[Tickbox, str]) -> None:
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
    def test_what_ended_in_one_is_refused_by_the_other(
        self, two: tuple[Tickbox, str], how: str
    ) -> None:
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


def test_a_parent_that_is_killed_leaves_nothing_in_the_way(start: Start, data_dir: Path) -> None:
    run = start(data_dir, TICKBOX_WORKERS="2")
    port = str(httpx.URL(run.wait_until_ready()).port)
    workers = run.workers()
    assert len(workers) == 2
    run.process.kill()
    run.process.wait()
    until(lambda: still_there(workers) == [])

    # The next one serves at once where it did; and is not ready any more before it ends.
    settings = {"TICKBOX_PORT": port, "TICKBOX_SHUTDOWN_DELAY": "3"}
    again = start(data_dir, TICKBOX_WORKERS="2", **settings)
    address = again.wait_until_ready()
    first, second = again.workers()
    servers = psutil.Process(again.process.pid).children(recursive=True)
    with client_of(first, again, address) as one, client_of(second, again, address) as other:
        again.press_ctrl_c()
        for client in (one, other):
            until(lambda: client.get("/readyz").status_code == 503)  # noqa: B023 - called here
        # It was ready once, and has nothing to complain of.
        output, errors = again.process.communicate(timeout=SECONDS)
    assert (again.process.returncode, output) == (0, "")
    assert '"error"' not in errors
    until(lambda: still_there(servers) == [])


def test_what_no_worker_can_do_is_said_once(start: Start, data_dir: Path) -> None:
    run = start(data_dir, TICKBOX_WORKERS="2", TICKBOX_SIGNING_KEYS="none")
    assert_refused(run, "TICKBOX_SIGNING_KEYS")
