"""What `tickbox serve` does: all of it in one process, or by workers."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from app.core.settings import Settings, SettingsError, StartError
from app.observability import logs
from app.observability.metrics import FOLDER, Metrics
from app.observability.worker_metrics import of_all_workers
from app.server.certificate import check_certificate
from app.server.listeners import bind, serve_metrics
from app.server.run import run as serve

# Has the servers running, migrated, for the length of a block; gives the settings, completed.
Prepared = Callable[[Settings], AbstractContextManager[Settings]]


def run(settings: Settings, prepared: Prepared, *, reload: bool = False) -> None:
    """Serve until a signal. Raises `SettingsError`, `StartError`."""
    if reload and settings.workers > 1:
        raise SettingsError("TICKBOX_WORKERS is for serving without --reload")
    check_certificate(settings)
    if settings.workers == 1 and not reload:
        _alone(settings, prepared)
    else:
        _by_workers(settings, prepared, reload=reload)


def _alone(settings: Settings, prepared: Prepared) -> None:
    metrics = Metrics()
    with (
        bind(settings) as listener,
        serve_metrics(settings, metrics.registry),
        prepared(settings) as complete,
    ):
        serve(_app_of(settings, complete, metrics=metrics), complete, listener)


def _by_workers(settings: Settings, prepared: Prepared, *, reload: bool) -> None:
    """Of several processes each keeps its metrics in files, which are told of together."""
    with (
        bind(settings) as listener,
        _shared_metrics() as folder,
        serve_metrics(settings, of_all_workers(folder)),
        prepared(settings) as complete,
    ):
        serve(
            _app_of(settings, complete),
            complete,
            listener,
            reload=reload,
            configure_logs=partial(logs.configure, settings.log_level),
        )


@contextmanager
def _shared_metrics() -> Iterator[str]:
    """A folder in which the workers that are started from here on keep their metrics.

    It is below one that is locked: what sweeps temporary folders by age leaves those alone
    (tmpfiles.d(5)). Raises `StartError`.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix="tickbox-metrics-", ignore_cleanup_errors=True)
    except OSError as error:
        raise StartError(
            "Several workers keep their metrics in files, and there is no folder for them "
            f"({error.strerror}): set TMPDIR to one that can be written to"
        ) from None
    with made as outer:
        lock = os.open(outer, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_SH)
        folder = str(Path(outer, "values"))
        Path(folder).mkdir()
        os.environ[FOLDER] = folder
        try:
            yield folder
        finally:
            os.close(lock)


def _app_of(
    settings: Settings, complete: Settings, metrics: Metrics | None = None
) -> Callable[[], object]:
    """What makes the app, in this process or in another one."""
    from app.main import create_app  # noqa: PLC0415 - after what may refuse the start

    return partial(
        create_app,
        complete,
        metrics=metrics,
        serves_metrics=settings.is_embedded and settings.metrics_port is None,
        keeps_sign_in=settings.is_embedded,
    )
