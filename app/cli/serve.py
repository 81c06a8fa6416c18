"""What `tickbox serve` does: all of it in one process, or by workers."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from tempfile import TemporaryDirectory

from app.core.settings import Settings, StartError
from app.embedded.stores import check_connections
from app.observability.metrics import FOLDER, Metrics
from app.observability.worker_metrics import of_all_workers
from app.server import runner, shares, tls, workers
from app.server.shares import Counts, Shares
from app.server.task import Task

# Has the servers running, migrated, for the length of a block; gives the settings, completed.
Prepared = Callable[[Settings], AbstractContextManager[Settings]]


def run(settings: Settings, prepared: Prepared) -> None:
    """Serve until a signal. Raises `SettingsError`, `StartError`."""
    tls.check(settings)
    check_connections(settings)
    if settings.workers == 1:
        _alone(settings, prepared)
    else:
        _by_workers(settings, prepared)


def _alone(settings: Settings, prepared: Prepared) -> None:
    metrics = Metrics()
    with (
        runner.bind(settings) as listener,
        runner.serve_metrics(settings, metrics.registry),
        prepared(settings) as complete,
    ):
        from app.main import create_app  # noqa: PLC0415 - after what may refuse the start

        app = create_app(
            complete,
            metrics=metrics,
            serves_metrics=_is_scraped_beside(settings),
            keeps_sign_in=settings.is_embedded,
        )
        runner.serve(app, complete, listener)


def _by_workers(settings: Settings, prepared: Prepared) -> None:
    with (
        runner.bind(settings) as listener,
        shares.made(settings.workers) as counts,
        _shared_metrics() as folder,
        runner.serve_metrics(settings, of_all_workers(folder)),
        prepared(settings) as complete,
    ):
        task = Task(
            complete,
            listener.fileno(),
            counts,
            serves_metrics=_is_scraped_beside(settings),
            keeps_sign_in=settings.is_embedded,
        )
        workers.serve(task, listener)


def run_worker(task: Task) -> None:
    """Serve as one of several, until the parent says so. Raises `SettingsError`, `StartError`."""
    from app.main import create_app  # noqa: PLC0415 - as above

    app = create_app(
        task.settings,
        serves_metrics=task.serves_metrics,
        sweeps=task.number == 0,
        keeps_sign_in=task.keeps_sign_in,
    )
    with socket.socket(fileno=task.listener) as listener:
        mine = Shares(Counts(task.counts, task.settings.workers), task.number)
        runner.serve(
            app,
            task.settings,
            listener,
            forced_by=workers.FORCE,
            shares=mine,
            pair=task.pair,
        )


@contextmanager
def _shared_metrics() -> Iterator[str]:
    """A folder in which the workers that are started from here on keep their metrics.

    Raises `StartError`.
    """
    try:
        made = TemporaryDirectory(prefix="tickbox-metrics-", ignore_cleanup_errors=True)
    except OSError:
        raise StartError(
            "There is no temporary folder for the workers' metrics: set TMPDIR to one."
        ) from None
    with made as folder:
        os.environ[FOLDER] = folder
        yield folder


def _is_scraped_beside(settings: Settings) -> bool:
    return settings.is_embedded and settings.metrics_port is None
