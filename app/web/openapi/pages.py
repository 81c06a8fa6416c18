"""`/docs`, where `/` leads, and `/redoc`, from files of an installed package, without internet."""

import base64
import re
from hashlib import sha256

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from app.web import response_headers
from app.web.request_gate import request_state

_ASSETS = "/docs/assets"
# Both pages would load an image from elsewhere (ReDoc its makers' logo, Swagger UI a badge of who
# validates the document), and so tell others who reads here: the browser is not to.
_POLICY = (
    "default-src 'none'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "worker-src blob:",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)
# Clients are public: what Swagger UI's Authorize asks of the client is to be left empty, so nobody
# is asked. Where a later version calls the fields otherwise, they are there again.
_CLIENT_FIELDS = ("password_type", "client_id_password", "client_secret_password")
_STYLE = "<style>.auth-container .wrapper:has({}) {{ display: none }}</style>".format(
    ", ".join(f'> label[for="{name}"]' for name in _CLIENT_FIELDS)
).encode()
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def install(app: FastAPI, *, keeps_sign_in: bool) -> None:
    """Serve both pages and what they load.

    `keeps_sign_in`: Swagger UI writes the token into the browser's storage, to have it after a
    reload; whoever uses that browser next has it too.
    """
    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]), name="assets")
    _add_page(
        app,
        "/docs",
        get_swagger_ui_html(
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
        ),
        style=_STYLE,
    )
    _add_page(
        app,
        "/redoc",
        get_redoc_html(
            openapi_url="/openapi.json",
            title=f"{app.title}: ReDoc",
            redoc_js_url=f"{_ASSETS}/redoc.standalone.js",
            redoc_favicon_url=f"{_ASSETS}/favicon.png",
            with_google_fonts=False,
        ),
    )

    async def lead_to_docs() -> RedirectResponse:
        return RedirectResponse("/docs", headers={"Cache-Control": "public, max-age=300"})

    app.add_api_route("/", lead_to_docs, include_in_schema=False, response_model=None)


def _add_page(app: FastAPI, path: str, page: HTMLResponse, *, style: bytes = b"") -> None:
    html = bytes(page.body).replace(b"</head>", style + b"</head>")
    scripts = [sha256(script).digest() for script in _INLINE_SCRIPT.findall(html)]
    hashes = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in scripts)
    policy = "; ".join((*_POLICY, f"script-src 'self'{hashes}")).encode()

    async def answer(request: Request) -> HTMLResponse:
        response_headers.allow(request_state(request.scope).headers, policy)
        return HTMLResponse(html)

    app.add_api_route(path, answer, include_in_schema=False, response_class=HTMLResponse)
