"""How the floor and the usual way are served: by uvicorn, with the flags that Tickbox gives it."""

import gc
from collections.abc import Callable
from typing import Any

import uvicorn


def serve(app: Callable[..., Any], port: int) -> None:
    """Serve until SIGTERM, with a garbage collector that is as lazy as Tickbox's."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, *gc.get_threshold()[1:])
    uvicorn.run(
        app,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
