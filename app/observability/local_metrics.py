"""`/metrics` beside `/v1`, to this machine alone and through no proxy."""

import asyncio
import os

from fastapi import FastAPI, Request, Response
from prometheus_client.exposition import choose_encoder
from starlette.routing import Route

from app.core.addresses import address_of
from app.core.errors import RouteNotFound
from app.observability.metrics import FOLDER, Metrics
from app.observability.worker_metrics import of_all_workers

# How the headers begin by which proxies tell whom they ask for.
_FORWARDED = (b"forwarded", b"x-forwarded-", b"x-real-ip", b"via")


def install(app: FastAPI, metrics: Metrics) -> None:
    """Tell of this process; of all where they share their values."""
    folder = os.environ.get(FOLDER)
    registry = metrics.registry if folder is None else of_all_workers(folder)

    async def answer(request: Request) -> Response:
        address = address_of(request.client.host) if request.client else None
        is_forwarded = any(name.startswith(_FORWARDED) for name, _ in request.headers.raw)
        if address is None or not address.is_loopback or is_forwarded:
            raise RouteNotFound
        request.scope["route"] = route  # by which it is logged
        metrics.sample()
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        # Files are read, and may be locked for a moment.
        return Response(await asyncio.to_thread(encode, registry), media_type=media_type)

    route = Route("/metrics", answer)
    app.router.routes.append(route)
