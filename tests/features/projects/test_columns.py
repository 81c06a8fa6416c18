"""A field of projects is in the table, the schemas and the representation, or a test fails here."""

from app.database.base import table_of
from app.features.projects.models import Project
from app.features.projects.schemas import ProjectCreate, ProjectRead, ProjectUpdate
from app.features.projects.statements import PROJECTS
from tests.people import Person

# What no client sends: the service sets it, or PostgreSQL.
_OWN = {
    "parent_depth", "depth", "created_by", "is_inbox", "position", "version", "created_at",
    "updated_at", "deleted_at", "deletion_id",
}  # fmt: skip
_PLACE = {"id", "parent_id"}
# A new project is not archived.
_LATER = {"archived"}
_CHANGED = {"name": "Balcony", "color": "#a1b2c3", "archived": True}


def test_what_may_be_changed_may_be_made_so_and_is_shown() -> None:
    changed = set(ProjectUpdate.model_fields)
    assert changed == set(ProjectCreate.model_fields) - _PLACE | _LATER == set(_CHANGED)
    assert changed <= set(ProjectRead.model_fields)


def test_each_column_is_of_a_field_or_of_ours() -> None:
    assert _CHANGED.keys() | _OWN | _PLACE == set(table_of(Project).c.keys())
    assert _CHANGED.keys() <= PROJECTS.settable.keys()


async def test_each_field_is_kept_by_a_patch_and_by_a_create(ada: Person) -> None:
    project = await ada.make_project()
    for name, value in _CHANGED.items():
        answer = await ada.client.patch(f"/v1/projects/{project['id']}", json={name: value})
        assert answer.json()[name] == value != project[name]
    sent = {name: value for name, value in _CHANGED.items() if name not in _LATER}
    made = (await ada.client.post("/v1/projects", json=sent)).json()
    assert {name: made[name] for name in sent} == sent
