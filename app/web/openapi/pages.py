"""`/docs`, to which `/` redirects, and `/redoc`, from files of an installed package."""

import base64
import re
from hashlib import sha256

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.routing import Route

from app.web import response_headers
from app.web.request_gate import request_state

_ASSETS = "/docs/assets"
# Both pages would load an image from another host (ReDoc its makers' logo, Swagger UI a validator's
# badge), which would tell that host who reads here; this policy forbids it.
_POLICY = (
    "default-src 'none'; connect-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; worker-src blob:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; script-src 'self'"
)
# Clients are public: the fields of Swagger UI's Authorize that are about the client stay empty, so
# they are hidden.
_STYLE = (
    b"<style>.auth-container .wrapper:has(> label[for=password_type], "
    b"> label[for=client_id_password], > label[for=client_secret_password]) "
    b"{ display: none }</style></head>"
)
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def install(app: FastAPI, *, keeps_sign_in: bool) -> None:
    """Serve both pages and what they load.

    With `keeps_sign_in` Swagger UI writes the token into the browser's storage, where it survives a
    reload, and where whoever uses that browser next finds it.
    """
    swagger_ui = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=f"{app.title}: Swagger UI",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
        swagger_ui_parameters={
            "persistAuthorization": keeps_sign_in,
            "tryItOutEnabled": True,
            "displayRequestDuration": True,
            "validatorUrl": None,
        },
    )
    redoc = get_redoc_html(
        openapi_url="/openapi.json",
        title=f"{app.title}: ReDoc",
        redoc_js_url=f"{_ASSETS}/redoc.standalone.js",
        redoc_favicon_url=f"{_ASSETS}/favicon.png",
        with_google_fonts=False,
    )
    _add_page(app, "/docs", bytes(swagger_ui.body).replace(b"</head>", _STYLE))
    _add_page(app, "/redoc", bytes(redoc.body))
    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]), name="assets")
    redirect = RedirectResponse("/docs", headers={"Cache-Control": "public, max-age=300"})
    app.router.routes.append(Route("/", redirect, methods=["GET"]))


def _add_page(app: FastAPI, path: str, html: bytes) -> None:
    scripts = [sha256(script).digest() for script in _INLINE_SCRIPT.findall(html)]
    hashes = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in scripts)
    policy = (_POLICY + hashes).encode()

    async def answer(request: Request) -> HTMLResponse:
        response_headers.allow(request_state(request.scope).headers, policy)
        return HTMLResponse(html)

    app.add_route(path, answer, include_in_schema=False)
