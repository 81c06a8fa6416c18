"""`make screenshot`: the README's picture of `/docs`, from its title to the todos' operations."""

from pathlib import Path

from tests.browser.chromium import chromium
from tests.browser.swagger import Swagger
from tests.served import served

PICTURE = Path(__file__).parents[2] / "docs" / "docs.png"


def main() -> None:
    """Take it, on a server of its own."""
    with served() as url, chromium(width=1120, height=1000, scale=1.5) as driver:
        docs = Swagger(driver, url)
        docs.run("document.querySelector('.info').scrollIntoView(); scrollBy(0, -24)")
        driver.save_screenshot(str(PICTURE))


if __name__ == "__main__":
    main()
