"""Text is UTF-8 wherever bytes are read: in forms, queries and JSON, escaped or not."""

from urllib.parse import quote
from uuid import uuid4

from httpx import AsyncClient, Response

from tests.people import Person

PASSWORD = "zwölf übergroße Ärgernisse ☂"
RAW = "application/x-www-form-urlencoded"


async def _sign_up(client: AsyncClient) -> str:
    email = f"{uuid4().hex}@example.com"
    response = await client.post("/v1/users", json={"email": email, "password": PASSWORD})
    assert response.status_code == 201
    return email


async def _sign_in(client: AsyncClient, email: str, password: bytes, kind: str = RAW) -> Response:
    form = b"grant_type=password&username=" + email.encode() + b"&password=" + password
    return await client.post("/v1/oauth/token", content=form, headers={"Content-Type": kind})


async def test_password_in_a_form_may_be_sent_as_it_is(client: AsyncClient) -> None:
    email = await _sign_up(client)
    first, rest = PASSWORD.split(" ", 1)
    for password in (
        PASSWORD.encode(),
        PASSWORD.replace(" ", "+").encode(),
        quote(PASSWORD).encode(),
        first.encode() + b"%20" + quote(rest).encode(),
    ):
        for kind in (RAW, f"{RAW};", f"{RAW}; charset=ISO-8859-1", f'{RAW}; charset="utf-8"'):
            response = await _sign_in(client, email, password, kind)
            assert response.status_code == 200, (password, kind)


async def test_form_in_another_encoding_is_no_wrong_password(client: AsyncClient) -> None:
    email = await _sign_up(client)
    latin = PASSWORD.removesuffix(" ☂").encode("latin-1")
    for password in (latin, quote(latin).encode(), b"\xff", b"%ff", b"a%e2%82", b"\xc3", b"%C3+"):
        for kind in (RAW, f"{RAW}; charset=ISO-8859-1"):
            response = await _sign_in(client, email, password, kind)
            assert response.status_code == 400
            assert response.json() == {
                "error": "invalid_request",
                "error_description": "The form is not in UTF-8.",
            }


async def test_names_are_text_too(client: AsyncClient) -> None:
    for form, description in (
        (b"\xff=1&token=x", "The form is not in UTF-8."),
        (b"%ff&token=x", "The form is not in UTF-8."),
        ("ö=1&token=x&%C3%B6=2".encode(), "A parameter is repeated."),
    ):
        response = await client.post(
            "/v1/oauth/revoke", content=form, headers={"Content-Type": RAW}
        )
        assert (response.status_code, response.json()["error_description"]) == (400, description)


async def test_query_is_utf_8(ada: Person) -> None:
    todo = await ada.make_todo("Müller anrufen")
    await ada.make_todo("Mueller anrufen")
    for query in ("q=M%C3%BCller", "q=m%c3%bcller+anrufen", "%71=M%c3%BCller"):
        response = await ada.get(f"/v1/todos?{query}")
        assert [item["id"] for item in response.json()["items"]] == [todo["id"]], query
    response = await ada.get("/v1/todos?q=M%FCller")
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert (error["code"], error["message"]) == ("invalid_text", "is not UTF-8")


async def test_json_is_utf_8_whatever_the_charset(ada: Person) -> None:
    async def create(body: bytes, charset: str) -> Response:
        headers = {"Content-Type": f"application/json; charset={charset}"}
        return await ada.client.post("/v1/todos", content=body, headers=headers)

    text = '{"title": "Ärger"}'
    for charset in ("utf-8", "UTF8", "ISO-8859-1", "utf-16", "x"):
        created = await create(text.encode(), charset)
        assert (created.status_code, created.json()["title"]) == (201, "Ärger")
    for encoding in ("latin-1", "utf-16", "utf-8-sig"):
        response = await create(text.encode(encoding), encoding)
        assert (response.status_code, response.json()["code"]) == (400, "malformed_json")
