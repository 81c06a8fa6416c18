"""What browsers are told with every answer, by HTTP and by HTTPS."""

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from tests.people import Person
from tests.web.answers import SECURITY_HEADERS, security_faults

HTTPS_ONLY = "strict-transport-security"
ANSWERS = [
    ("GET", "/v1/todos", 200),
    ("GET", "/v1/todos", 200),  # from the cache
    ("HEAD", "/v1/todos", 200),
    ("GET", "/v1/todos?limit=0", 422),
    ("POST", "/v1/todos", 422),
    ("PUT", "/v1/todos", 405),
    ("OPTIONS", "/v1/todos", 405),
    ("GET", "/v1/nowhere", 404),
    ("HEAD", "/v1/nowhere", 404),
    ("GET", "/livez", 200),
    ("GET", "/readyz", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/.well-known/jwks.json", 200),
    ("GET", "/docs/assets/swagger-ui.css", 200),
    ("GET", "/docs/assets/nowhere.css", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_every_answer_says_it(
    app: FastAPI, ada: Person, scheme: str, method: str, path: str, status: int
) -> None:
    headers = {"Authorization": ada.client.headers["Authorization"]}
    async with AsyncClient(
        transport=ASGITransport(app), base_url=f"{scheme}://tickbox", headers=headers
    ) as client:
        response = await client.request(method, path)
    assert response.status_code == status
    assert list(security_faults(response)) == []
    # Believed by HTTPS only, so that is where it is said. Nor is it said for other names.
    said = ["max-age=31536000"] if scheme == "https" else []
    assert response.headers.get_list(HTTPS_ONLY) == said


async def test_unchanged_says_it_too(ada: Person) -> None:
    etag = (await ada.client.get("/v1/todos")).headers["etag"]
    response = await ada.client.get("/v1/todos", headers={"If-None-Match": etag})
    assert response.status_code == 304
    assert list(security_faults(response)) == []


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_pages_have_a_policy_of_their_own(client: AsyncClient, path: str) -> None:
    response = await client.get(path)
    others = SECURITY_HEADERS.keys() - {"content-security-policy"}
    assert {name: response.headers[name] for name in others} == {
        name: SECURITY_HEADERS[name] for name in others
    }
    # Two policies would both hold, and nothing would load.
    [policy] = response.headers.get_list("content-security-policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["cross-origin-opener-policy"] == "same-origin"
    # The next answer has the strict one again.
    assert list(security_faults(await client.get("/livez"))) == []
