"""Views by labels: those of the view that have any, or all, of them."""

import pytest

from tests.features.views.asking import listed, patch
from tests.people import Person


@pytest.mark.parametrize("view", ["today", "overdue"])
async def test_a_view_takes_the_filters_by_labels(ada: Person, view: str) -> None:
    old = await ada.make_project()
    for title, labels, fields in (
        ("a", ["Home"], {}),
        ("b", ["home", "garden"], {}),
        ("c", [], {}),
        ("d", ["home"], {"completed": True}),
        ("e", ["home"], {"project_id": old["id"]}),
        ("f", ["home"], {"due": {"date": "2999-01-01"}}),
    ):
        await ada.make_todo(title, labels=labels, **{"due": {"date": "2020-01-01"}, **fields})
    await patch(ada, f"/v1/projects/{old['id']}", archived=True)

    for sort in ("due", "-due", "title"):
        found = await listed(ada, view, label="HOME", sort=sort)
        assert "".join(sorted(found)) == "ab"
        assert await listed(ada, view, label_all=["home", "garden"], sort=sort) == "b"
        assert await listed(ada, view, label="nobody's", sort=sort) == ""
    assert await listed(ada, view, label="home", project_id=old["id"]) == ""
    page = await ada.get(f"/v1/views/{view}?label=home&limit=1&include_total=true")
    assert page.json()["total"] == 2
    assert len(await ada.walk(f"/v1/views/{view}", label="home", limit=1)) == 2
