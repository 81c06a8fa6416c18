"""A page in the browser: each step waits until there is something to see of it."""

from collections.abc import Callable
from typing import TypeVar

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

WAIT_SECONDS = 30

T = TypeVar("T")


class Page:
    """What a browser shows at an address."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        driver.get(url)

    def until(self, condition: Callable[[], T], what: str) -> T:
        """What the condition gives as soon as it is something."""
        wait = WebDriverWait(self.driver, WAIT_SECONDS)
        return wait.until(lambda _driver: condition(), f"waited for {what}")

    def find(self, selector: str, inside: WebElement | None = None) -> WebElement:
        """What is seen there, as soon as it is."""
        found = self.until(
            lambda: [
                element
                for element in (inside or self.driver).find_elements(By.CSS_SELECTOR, selector)
                if element.is_displayed()
            ],
            f"{selector} to be seen",
        )
        return found[0]

    def press(self, selector: str, inside: WebElement | None = None) -> None:
        """Click on it; a page is long, and a button may be out of sight."""
        button = self.find(selector, inside)
        self.run("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def run(self, script: str, *arguments: object) -> object:
        """What a script in the page returns."""
        result: object = self.driver.execute_script(script, *arguments)
        return result
