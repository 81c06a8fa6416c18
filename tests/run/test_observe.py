"""What `tickbox serve` tells whoever runs it: lines on stderr, and `/metrics`."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests import commands
from tests.run.conftest import Start
from tests.run.processes import NO_SERVERS, PASSWORD


def test_the_embedded_default_tells_all_where_it_listens(start: Start, data_dir: Path) -> None:
    run = start(data_dir)
    with httpx.Client(base_url=run.wait_until_ready()) as client:
        client.get("/livez")
        client.get(f"/v1/todos?password={PASSWORD}", headers={"X-Request-Id": "mine"})
        metrics = client.get("/metrics")
    run.process.terminate()
    code, errors = run.end()
    assert code == 0
    [entry] = [json.loads(line) for line in errors.splitlines()]
    assert (entry["request_id"], entry["route"], entry["status"]) == ("mine", "/v1/todos", 401)
    assert PASSWORD not in errors
    assert 'tickbox_http_requests_total{method="GET",route="/v1/todos",status="401"} 1.0' in (
        metrics.text
    )


def test_metrics_have_their_own_port_where_it_is_set(start: Start, data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        env = {"TICKBOX_PORT": "0", "TICKBOX_METRICS_PORT": port}
        env |= {"TICKBOX_DATA_DIR": str(data_dir)}
        [refusal] = commands.invoke("serve", env=commands.environment(None, **env)).refusals
        assert "TICKBOX_METRICS_PORT" in refusal
    run = start(data_dir, TICKBOX_METRICS_PORT=port)
    address = run.wait_until_ready()
    assert httpx.get(f"{address}/metrics").status_code == 404
    told = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    run.press_ctrl_c()
    assert run.end()[0] == 0
    route = 'route="unknown",status="404"'
    assert f'tickbox_http_requests_total{{method="GET",{route}}} 1.0' in told


def test_an_error_that_nobody_expected_ends_without_its_message() -> None:
    program = (
        "from app.observability import logs; logs.configure('info'); "
        f"raise RuntimeError({NO_SERVERS['TICKBOX_DATABASE_URL']!r})"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    entry = json.loads(run.stderr)
    assert (run.returncode, entry["level"]) == (1, "critical")
    assert entry["exception"].startswith("RuntimeError\n")
    assert PASSWORD not in run.stderr


def test_nobody_reads_what_it_says_and_it_goes_on() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 1024)
    except BlockingIOError:
        os.set_blocking(writing, True)
    program = (
        "from app.observability import logs; import logging; logs.configure('info')\n"
        "for n in range(30_000): logging.getLogger('app').info('line %d', n)\n"
        "print(logs.dropped())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=writing,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(reading)
    os.close(writing)
    assert run.returncode == 0
    assert int(run.stdout) >= 8_000
