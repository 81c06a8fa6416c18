"""From sign-up to a first todo in `/docs`, with a mouse, a keyboard and no internet."""

import json
from uuid import uuid4

import httpx
import pytest
from selenium.common import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.chromium import complaints, requested
from tests.browser.page import Page
from tests.browser.swagger import Swagger
from tests.people import PASSWORD


@pytest.fixture
def email(url: str) -> str:
    """Somebody's, with an account."""
    email = f"{uuid4().hex}@example.com"
    sign_up = httpx.post(f"{url}/v1/users", json={"email": email, "password": PASSWORD})
    assert sign_up.status_code == 201
    return email


def todos_of(url: str, email: str) -> list[dict[str, object]]:
    """What the API says that there is."""
    form = {"grant_type": "password", "username": email, "password": PASSWORD}
    token = httpx.post(f"{url}/v1/oauth/token", data=form).json()["access_token"]
    answer = httpx.get(f"{url}/v1/todos", headers={"Authorization": f"Bearer {token}"})
    items: list[dict[str, object]] = answer.json()["items"]
    return items


def test_from_sign_up_to_a_first_todo(browser: Chrome, url: str) -> None:
    email = f"{uuid4().hex}@example.com"
    docs = Swagger(browser, url)
    sign_up = docs.open("create_user", "users")
    sign_up.write(json.dumps({"email": email, "password": PASSWORD}))
    status, user = sign_up.execute()
    assert (status, user["email"]) == (201, email)
    docs.authorize(email, PASSWORD)
    create = docs.open("create_todo", "todos")
    status, first = create.execute()
    assert (status, first["title"]) == (201, "Book the train")
    # The example is good for another one.
    status, second = create.execute()
    assert status == 201
    assert first["id"] != second["id"]
    assert todos_of(url, email) == [second, first]


def test_what_is_refused_says_why(
    browser: Chrome, url: str, email: str, expected: list[str]
) -> None:
    expected.append("status of 422")
    docs = Swagger(browser, url)
    docs.authorize(email, PASSWORD)
    create = docs.open("create_todo", "todos")
    create.write('{"title": "", "colour": "red"}')
    status, problem = create.execute()
    assert (status, problem["code"]) == (422, "validation_failed")
    assert {error["pointer"] for error in problem["errors"]} == {"/title", "/colour"}
    assert "must have at least 1 character" in create.block.text
    assert todos_of(url, email) == []


def test_without_signing_in(browser: Chrome, url: str, expected: list[str]) -> None:
    expected.append("status of 401")
    status, problem = Swagger(browser, url).open("list_todos", "todos").execute()
    assert (status, problem["code"]) == (401, "not_authenticated")


def test_sign_in_is_in_no_storage_and_gone_with_a_reload(
    browser: Chrome, url: str, email: str, expected: list[str]
) -> None:
    docs = Swagger(browser, url)
    docs.authorize(email, PASSWORD)
    status, page = docs.open("list_todos", "todos").execute()
    assert (status, page) == (200, {"items": [], "next_cursor": None})
    for storage in ("localStorage", "sessionStorage"):
        assert browser.execute_script(f"return {storage}.length") == 0
    expected.append("status of 401")
    status, problem = Swagger(browser, url).open("list_todos", "todos").execute()
    assert (status, problem["code"]) == (401, "not_authenticated")


def test_wrong_password_is_told(browser: Chrome, url: str, email: str, expected: list[str]) -> None:
    expected.append("status of 400")
    docs = Swagger(browser, url)
    docs.press(".btn.authorize")
    docs.find("#oauth_username").send_keys(email)
    docs.find("#oauth_password").send_keys("correct horse battery stapler")
    docs.press(".modal-btn.authorize")
    assert "The credentials are not valid" in docs.find(".auth-container .errors").text


def test_dialog_asks_for_nothing_that_is_not_needed(browser: Chrome, url: str) -> None:
    docs = Swagger(browser, url)
    docs.press(".btn.authorize")
    dialog = docs.find(".auth-container")
    fields = dialog.find_elements(By.CSS_SELECTOR, "input:not([type=checkbox]), select")
    seen = [field.get_attribute("id") for field in fields if field.is_displayed()]
    assert seen == ["oauth_username", "oauth_password"]
    # All of them are there, which a later version may call otherwise.
    assert len(fields) == 5
    assert "todos:write" in dialog.text


def test_redoc_shows_all_of_it(browser: Chrome, url: str, expected: list[str]) -> None:
    # Its makers' logo, which the policy keeps from being asked for.
    expected.append("https://cdn.redoc.ly/redoc/logo-mini.svg")
    page = Page(browser, f"{url}/redoc")
    for tag in ("todos", "projects", "users", "sessions", "oauth", "health"):
        page.find(f'[id="tag/{tag}"]')
    assert page.find("h1").text.startswith("Tickbox")


def test_pages_of_these_tests_reach_nothing_else(browser: Chrome, url: str) -> None:
    """So that what works here works without internet."""
    with pytest.raises(WebDriverException, match="ERR_NAME_NOT_RESOLVED"):
        browser.get("http://localhost/")
    assert requested(browser) == {"http://localhost/"}
    complaints(browser)
