"""How serving ends, with requests open."""

import signal

import pytest

from tests.run.service import serving


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_open_request_is_finished(number: signal.Signals) -> None:
    with serving() as service:
        upload = service.open_upload()
        service.process.send_signal(number)
        while not service.refuses():
            pass
        upload.send(b"2")
        response = upload.getresponse()
        assert (response.status, response.read()) == (200, b"2")
        upload.close()
        assert service.end() == (0, ["closed", "ended"])


def test_serves_on_while_load_balancers_notice() -> None:
    with serving(shutdown_delay="60") as service:
        assert service.is_draining() is False
        service.process.terminate()
        while not service.is_draining():
            pass
        # The second signal cuts the minute short; what is said meanwhile is Starlette's.
        service.process.terminate()
        code, lines = service.end()
        assert (code, lines[0], lines[-1]) == (0, "closed", "ended")


def test_second_signal_ends_open_requests() -> None:
    with serving(shutdown_timeout="60") as service:
        upload = service.open_upload()
        service.process.terminate()
        while not service.refuses():
            pass
        service.process.terminate()
        code, lines = service.end()
        assert (code, lines[-1]) == (0, "ended")
        assert "closed" in lines
        upload.close()


def test_request_that_does_not_finish_is_given_up() -> None:
    with serving(shutdown_timeout="0.1") as service:
        upload = service.open_upload()
        service.process.terminate()
        code, lines = service.end()
        assert (code, lines[-2:]) == (0, ["closed", "ended"])
        upload.close()
