import pytest

from tests.people import Json, Person


@pytest.fixture
async def garden(ada: Person) -> Json:
    return await ada.make_project("Garden")


@pytest.fixture
async def house(ada: Person) -> Json:
    return await ada.make_project("House")
