"""What `tickbox serve` does: all of it in one process, or by workers."""

import fcntl
import os
import tempfile
from contextlib import ExitStack
from functools import partial

from fastapi import FastAPI

from app.cli.database import stores, upgrade
from app.core.settings import Settings, SettingsError
from app.main import create_app
from app.observability import logs
from app.observability.metrics import FOLDER, Metrics
from app.observability.worker_metrics import of_all_workers
from app.server.certificate import check_certificate
from app.server.listeners import bind, serve_metrics
from app.server.run import run as serve


def run(settings: Settings, *, reload: bool = False) -> None:
    """Migrate, then serve until a signal. Raises `SettingsError`, `StartError`."""
    if reload and settings.workers > 1:
        raise SettingsError("TICKBOX_WORKERS is for serving without --reload")
    check_certificate(settings)
    with ExitStack() as stack:
        # What may be taken or wrong is found before anything slow starts.
        listener = stack.enter_context(bind(settings))
        metrics = Metrics() if settings.workers == 1 and not reload else None
        registry = metrics.registry if metrics else of_all_workers(shared_metrics(stack))
        serve_metrics(settings, registry)
        complete = stack.enter_context(stores(settings, alone=True))
        upgrade(complete)
        create = partial(_create_app, complete, metrics, embedded=settings.is_embedded)
        serve(create, complete, listener, reload=reload)


def _create_app(settings: Settings, metrics: Metrics | None, *, embedded: bool) -> FastAPI:
    """The app; a process of its own, which is handed no metrics, configures its log first."""
    if metrics is None:
        logs.configure(settings.log_level)
    return create_app(settings, metrics=metrics, embedded=embedded)


def shared_metrics(stack: ExitStack) -> str:
    """A folder in which the workers that are started from here on keep their metrics."""
    folder = stack.enter_context(
        tempfile.TemporaryDirectory(prefix="tickbox-metrics-", ignore_cleanup_errors=True)
    )
    # What sweeps temporary folders by age leaves a locked one alone (tmpfiles.d(5)).
    lock = os.open(folder, os.O_RDONLY)
    stack.callback(os.close, lock)
    fcntl.flock(lock, fcntl.LOCK_SH)
    os.environ[FOLDER] = folder
    return folder
