"""`/docs` and `/redoc`: all that they load comes from this server, so that they work offline."""

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from httpx import AsyncClient

from app.core.settings import Settings
from app.main import create_app
from tests.apps import client_of
from tests.people import PASSWORD, Person
from tests.web.operations import DOCUMENT

# What a policy may allow: nothing that is on another host.
SOURCES = re.compile(r"'none'|'self'|data:|blob:|'sha256-[A-Za-z0-9+/]{43}='")

each_page = pytest.mark.parametrize("path", ["/docs", "/redoc"])


class Page(HTMLParser):
    """The links and scripts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline: list[str] = []
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        links = [value for name, value in attrs if name in ("src", "href", "spec-url") and value]
        self.links += links
        self._in_script = tag == "script" and not links
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.inline.append(data)
            self._in_script = False


def policy(header: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (part.split() for part in header.split(";"))}


@each_page
async def test_page_links_to_files_of_this_server_only(client: AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(response.text)
    assert len(page.links) >= 3
    for link in page.links:
        assert re.match(r"/[^/]", link)
        assert (await client.get(link)).status_code == 200
    assert "/docs/assets/favicon.png" in page.links
    assert not re.search(r"https?://", response.text)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("swagger-ui.css", "text/css; charset=utf-8"),
        ("redoc.standalone.js", "text/javascript; charset=utf-8"),
        ("favicon.png", "image/png"),
    ],
)
async def test_assets_are_here(client: AsyncClient, name: str, content_type: str) -> None:
    response = await client.get(f"/docs/assets/{name}")
    assert response.status_code == 200
    assert response.headers["content-type"] == content_type
    again = await client.get(
        response.request.url, headers={"If-None-Match": response.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


async def test_styles_load_nothing(client: AsyncClient) -> None:
    styles = (await client.get("/docs/assets/swagger-ui.css")).text
    assert "@import" not in styles
    assert {source[:5] for source in re.findall(r"url\([\"']?([^)]*)", styles)} == {"data:"}


@each_page
async def test_browser_is_told_to_load_nothing_from_elsewhere(
    client: AsyncClient, path: str
) -> None:
    """The scripts of both pages know of images on other hosts, which would tell who reads here."""
    response = await client.get(path)
    directives = policy(response.headers["content-security-policy"])
    assert directives["default-src"] == ["'none'"]
    assert directives["connect-src"] == ["'self'"]
    assert directives["frame-ancestors"] == ["'none'"]
    assert directives.pop("style-src") == ["'self'", "'unsafe-inline'"]
    for name, sources in directives.items():
        assert all(SOURCES.fullmatch(source) for source in sources), name
    for script in Page(response.text).inline:
        digest = base64.b64encode(sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in directives["script-src"]


async def test_swagger_ui_asks_nobody_to_validate_the_document(client: AsyncClient) -> None:
    html = (await client.get("/docs")).text
    assert re.search(r'"validatorUrl": null,', html)
    assert re.search(r"url: '/openapi.json',", html)


@pytest.mark.parametrize("keeps", [True, False])
async def test_swagger_ui_keeps_a_token_only_where_it_may(settings: Settings, keeps: bool) -> None:
    app = create_app(settings, embedded=keeps)
    async with client_of(app) as client:
        html = (await client.get("/docs")).text
    assert f'"persistAuthorization": {str(keeps).lower()},' in html


async def test_swagger_ui_keeps_no_token_unless_it_is_told_to(client: AsyncClient) -> None:
    assert '"persistAuthorization": false,' in (await client.get("/docs")).text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_root_leads_to_the_docs(client: AsyncClient, method: str) -> None:
    response = await client.request(method, "/")
    assert (response.status_code, response.content) == (307, b"")
    assert response.headers["location"] == "/docs"
    assert response.headers["cache-control"] == "public, max-age=300"
    followed = await client.request(method, "/", follow_redirects=True)
    assert (followed.status_code, followed.url.path) == (200, "/docs")
    assert "/" not in DOCUMENT["paths"]


async def test_root_takes_nothing_else(client: AsyncClient) -> None:
    response = await client.post("/")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


@each_page
async def test_page_is_in_no_document_and_for_anybody(client: AsyncClient, path: str) -> None:
    assert path not in DOCUMENT["paths"]
    assert "Tickbox" in (await client.get(path)).text


async def test_swagger_ui_signs_in_as_the_document_says(ada: Person, client: AsyncClient) -> None:
    """Its Authorize sends the form that RFC 6749 has, and a client by HTTP Basic, left empty."""
    flow = DOCUMENT["components"]["securitySchemes"]["OAuth2"]["flows"]["password"]
    response = await client.post(
        flow["tokenUrl"],
        data={
            "grant_type": "password",
            "username": ada.user["email"],
            "password": PASSWORD,
            "scope": " ".join(flow["scopes"]),
        },
        headers={
            "Authorization": "Basic Og==",
            "X-Requested-With": "XMLHttpRequest",
            "Accept": "application/json, text/plain, */*",
        },
    )
    assert response.status_code == 200
    assert response.json()["token_type"].lower() == "bearer"
    token = response.json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/v1/todos", headers=headers)).status_code == 200
