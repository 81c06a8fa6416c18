"""Links of OpenAPI: what may be asked for next, by what a create answered.

Schemathesis walks along them. They are not in the served document, since no client reads them.
"""

import re
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_ITEM = re.compile(r"(.+)/\{(\w+)\}")


def link_creates(paths: Mapping[str, Json]) -> None:
    """Link each POST that answers 201 to the operations of the path one parameter further.

    Not what is made below something else, whose id no answer has.
    """
    linked = 0
    for path, operations in paths.items():
        item = _ITEM.fullmatch(path)
        create = item and paths.get(item[1], {}).get("post")
        if item and "{" not in item[1] and create and "201" in create["responses"]:
            links = {
                operation["operationId"]: _link(operation, item[2])
                for operation in operations.values()
            }
            create["responses"]["201"]["links"] = links
            linked += len(links)
    assert linked, "nothing to walk along"


def _link(operation: Json, id_parameter: str) -> Json:
    values = {id_parameter: "$response.body#/id"}
    if any(parameter["name"] == "If-Match" for parameter in operation["parameters"]):
        values["If-Match"] = "$response.header.ETag"
    return {"operationId": operation["operationId"], "parameters": values}
