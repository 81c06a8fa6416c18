"""`PATCH` of a project is a merge patch (RFC 7396)."""

from hypothesis import given
from hypothesis import strategies as st

from tests.people import Json, Person

_FIELDS = ("name", "color", "archived")
_names = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=30
).map(lambda text: " ".join(["a", *text.split()]))
_PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "name": _names,
        "color": st.none() | st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True),
        "archived": st.booleans(),
    },
)


@given(patches=st.lists(_PATCHES, min_size=1, max_size=5))
async def test_a_patch_is_a_merge_patch(ada: Person, patches: list[Json]) -> None:
    project = await ada.make_project()
    for patch in patches:
        response = await ada.client.patch(f"/v1/projects/{project['id']}", json=patch)

        is_refused = project["archived"] and patch.get("archived") is not False
        if is_refused and set(patch) != {"archived"}:
            assert (response.status_code, response.json()["code"]) == (403, "project_archived")
            continue
        patched = response.json()
        before = {name: project[name] for name in _FIELDS}
        assert {name: patched[name] for name in _FIELDS} == {**before, **patch}
        assert patched["version"] == project["version"] + (before != {**before, **patch})
        fixed = set(project) - {*_FIELDS, "version", "updated_at"}
        assert {name: patched[name] for name in fixed} == {name: project[name] for name in fixed}
        project = patched
    assert (await ada.get(f"/v1/projects/{project['id']}")).json() == project


_WRONG: list[tuple[Json, tuple[str, str]]] = [
    ({"name": None}, ("/name", "wrong_type")),
    ({"name": "\t"}, ("/name", "too_short")),
    ({"name": "x" * 201}, ("/name", "too_long")),
    ({"color": "red"}, ("/color", "invalid_format")),
    ({"archived": None}, ("/archived", "wrong_type")),
    ({"archived": "true"}, ("/archived", "wrong_type")),
    *(
        ({name: None}, (f"/{name}", "unknown_field"))
        for name in ("id", "parent_id", "is_inbox", "role", "position", "version", "created_by")
    ),
]


async def test_a_patch_with_something_wrong_changes_nothing(ada: Person) -> None:
    project = await ada.make_project()
    url = f"/v1/projects/{project['id']}"

    for patch, error in _WRONG:
        response = await ada.client.patch(url, json={"name": "New", "color": "#000000"} | patch)
        assert response.status_code == 422
        [only] = response.json()["errors"]
        assert (only["pointer"], only["code"]) == error
    assert (await ada.get(url)).json() == project


async def test_a_patch_comes_under_two_media_types(ada: Person) -> None:
    url = f"/v1/projects/{(await ada.make_project())['id']}"
    for media_type, status in {
        "application/merge-patch+json": 200,
        "application/json": 200,
        "text/plain": 415,
    }.items():
        response = await ada.client.patch(
            url, content='{"name":"New"}', headers={"Content-Type": media_type}
        )
        assert response.status_code == status
