"""Swagger UI, as somebody uses it who sees it for the first time."""

import json
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.page import Page


class Swagger(Page):
    """`/docs` of a service."""

    def __init__(self, driver: Chrome, url: str) -> None:
        super().__init__(driver, f"{url}/docs")
        self.find("#operations-todos-list_todos")

    def open(self, operation: str, tag: str) -> "Operation":
        """Unfold an operation; "Try it out" is on from the start."""
        block = self.find(f"#operations-{tag}-{operation}")
        self.press(".opblock-summary-control", block)
        self.find(".execute", block)
        return Operation(self, block)

    def authorize(self, email: str, password: str) -> None:
        """Sign in by the dialog, with all scopes by default, and close it."""
        self.press(".btn.authorize")
        self.find("#oauth_username").send_keys(email)
        self.find("#oauth_password").send_keys(password)
        self.press(".modal-btn.authorize")
        self.until(lambda: self.find(".auth-btn-wrapper").text.startswith("Logout"), "Logout")
        self.press(".btn-done")


class Operation:
    """One operation, unfolded."""

    def __init__(self, page: Swagger, block: WebElement) -> None:
        self.page = page
        self.block = block

    def write(self, body: str) -> None:
        """Put another body in place of the example."""
        field = self.page.find(".body-param__text", self.block)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(body)

    def execute(self) -> tuple[int, Any]:
        """Press Execute; status and body of the answer, as they are shown."""
        for old in self.block.find_elements(By.CSS_SELECTOR, ".btn-clear"):
            old.click()
        self.page.press(".execute", self.block)
        status = self.page.find(
            ".live-responses-table .response .response-col_status", self.block
        ).text
        body = self.page.find(".live-responses-table .response .highlight-code", self.block).text
        # "Download" and "Copy" stand below what was answered.
        text = body[body.index("{") : body.rindex("}") + 1]
        return int(status.split()[0]), json.loads(text)
