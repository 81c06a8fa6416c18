"""What `tickbox serve` does: all of it in one process, or by workers."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from app.core import gathering, serving, tls, workers
from app.core.config import Settings
from app.core.metrics import Metrics
from app.core.processes import StartError
from app.core.shares import Shares
from app.core.task import Task

# Has the servers running, migrated, for the length of a block; gives the settings, completed.
Prepared = Callable[[Settings], AbstractContextManager[Settings]]


def run(settings: Settings, prepared: Prepared) -> None:
    """Serve until a signal. Raises `SettingsError`, `StartError`."""
    tls.check(settings)
    workers.check(settings)
    if settings.workers == 1:
        _alone(settings, prepared)
    else:
        _by_workers(settings, prepared)


def _alone(settings: Settings, prepared: Prepared) -> None:
    metrics = Metrics()
    with (
        serving.bind(settings) as listener,
        serving.serve_metrics(settings, metrics.registry),
        prepared(settings) as complete,
    ):
        from app.main import create_app  # noqa: PLC0415 - after what may refuse the start

        scraped = metrics if _is_scraped_beside(settings) else None
        serving.serve(create_app(complete, metrics=metrics, scraped=scraped), complete, listener)


def _by_workers(settings: Settings, prepared: Prepared) -> None:
    with _folder() as folder, serving.bind(settings) as listener:
        task = Task(
            settings, listener.fileno(), folder, serves_metrics=_is_scraped_beside(settings)
        )
        with (
            serving.serve_metrics(settings, gathering.Gathered(task.sockets).registry),
            prepared(settings) as complete,
        ):
            workers.serve(replace(task, settings=complete), listener)


@contextmanager
def _folder() -> Iterator[Path]:
    """What workers share, for the length of the block. Raises `StartError`."""
    try:
        folder = TemporaryDirectory(prefix="tickbox-", ignore_cleanup_errors=True)
    except OSError as error:
        raise StartError(
            f"Workers share a temporary folder, and none can be made ({error.strerror}): give "
            "Tickbox a /tmp that it may write to (`--tmpfs /tmp` in a container), name such a "
            "folder by TMPDIR, or set TICKBOX_WORKERS to 1."
        ) from None
    with folder as name:
        yield Path(name)


def run_worker(task: Task) -> None:
    """Serve as one of several, until the parent says so. Raises `SettingsError`, `StartError`."""
    from app.main import create_app  # noqa: PLC0415 - as above

    metrics = Metrics()
    app = create_app(
        task.settings,
        metrics=metrics,
        scraped=gathering.Gathered(task.sockets) if task.serves_metrics else None,
        sweeps=task.number == 0,
    )
    with (
        socket.socket(fileno=task.listener) as listener,
        gathering.tell(metrics.registry, task.socket),
    ):
        shares = Shares(task.folder / "connections", task.number, task.settings.workers)
        serving.serve(app, task.settings, listener, forced_by=workers.FORCE, shares=shares)


def _is_scraped_beside(settings: Settings) -> bool:
    return settings.is_embedded and settings.metrics_port is None
