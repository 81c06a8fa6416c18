"""Links of the OpenAPI document: what may be done with what was made, and with which values."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

_ID = "$response.body#/id"
_VERSION = "$response.header.ETag"


def add_links(paths: Mapping[str, Json]) -> None:
    """Link each create to all that its resource's own path takes.

    A create is a POST that answers 201, and its resource is below it: one parameter further.
    """
    for path, operations in paths.items():
        created = operations.get("post", {}).get("responses", {}).get("201")
        links = dict(_links_to(path, paths))
        if created is not None and links:
            created["links"] = links


def _links_to(collection: str, paths: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for path, operations in paths.items():
        parent, _, last = path.rpartition("/")
        if parent == collection and last.startswith("{"):
            for operation in operations.values():
                yield operation["operationId"], _link(operation, last.strip("{}"))


def _link(operation: Json, parameter: str) -> Json:
    values = {parameter: _ID}
    if any(known["name"] == "If-Match" for known in operation["parameters"]):
        values["If-Match"] = _VERSION
    return {
        "operationId": operation["operationId"],
        "parameters": values,
        "description": f"{operation['summary']}: the one that was made.",
    }
