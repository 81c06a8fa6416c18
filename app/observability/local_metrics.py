"""`/metrics` beside `/v1`, to this machine alone and through no proxy."""

import asyncio
import os

from fastapi import FastAPI, Request, Response
from prometheus_client.exposition import choose_encoder
from starlette.routing import Match, Route
from starlette.types import Scope

from app.core.addresses import address_of
from app.observability.metrics import FOLDER, Metrics
from app.observability.worker_metrics import of_all_workers

# How the headers begin by which proxies tell whom they ask for.
_FORWARDED = (b"forwarded", b"x-forwarded-", b"x-real-ip", b"via")


class _LocalRoute(Route):
    """One that is there only for who asks from this machine, and for nobody else."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As for any route, and for others as for none."""
        if not _is_local(scope):
            return Match.NONE, {}
        match, child_scope = super().matches(scope)
        return match, {**child_scope, "route": self}  # by which it is logged


def _is_local(scope: Scope) -> bool:
    address = address_of(scope["client"][0]) if scope.get("client") else None
    return (
        address is not None
        and address.is_loopback
        and not any(name.startswith(_FORWARDED) for name, _ in scope["headers"])
    )


def install(app: FastAPI, metrics: Metrics) -> None:
    """Tell of this process; of all where they share their values."""
    folder = os.environ.get(FOLDER)
    registry = metrics.registry if folder is None else of_all_workers(folder)

    async def answer(request: Request) -> Response:
        metrics.sample()
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        # Files are read, and may be locked for a moment.
        return Response(await asyncio.to_thread(encode, registry), media_type=media_type)

    app.router.routes.append(_LocalRoute("/metrics", answer))
