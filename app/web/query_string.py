"""Query strings, read strictly: nothing is ignored, or taken for something else."""

from collections.abc import Mapping
from typing import Any, get_origin

from fastapi.dependencies.utils import get_flat_params
from fastapi.params import ParamTypes
from fastapi.routing import APIRoute

from app.core import urlencoded
from app.core.errors import FieldError, ValidationFailed, pointer

_MAX_FIELDS = 200


def known_parameters(route: APIRoute) -> Mapping[str, bool]:
    """The names that a route's query may have, and whether each may be repeated."""
    return {
        field.alias: _is_list(field.field_info.annotation)
        for field in get_flat_params(route.dependant)
        if getattr(field.field_info, "in_", ParamTypes.query) is ParamTypes.query
    }


def _is_list(annotation: Any) -> bool:
    return any(
        get_origin(part) is list for part in (annotation, *getattr(annotation, "__args__", ()))
    )


def parse_query(raw: bytes, known: Mapping[str, bool]) -> list[tuple[str, str]]:
    """A query's parameters, of those that are known, each of which may be repeated or not.

    Raises `ValidationFailed` for what would be ignored or read wrongly: unknown names,
    repetitions, broken UTF-8.
    """
    try:
        pairs = urlencoded.parse(raw, max_fields=_MAX_FIELDS)
    except UnicodeDecodeError:
        raise ValidationFailed(
            errors=(FieldError("", "invalid_text", "is not UTF-8", "query"),)
        ) from None
    except urlencoded.TooMany:
        raise ValidationFailed(
            errors=(FieldError("", "too_long", "has too many parameters", "query"),)
        ) from None
    errors: list[FieldError] = []
    seen: set[str] = set()
    for name, _ in pairs:
        if name not in known:
            errors.append(
                FieldError(pointer([name]), "unknown_parameter", "is not known here", "query")
            )
        elif name in seen and not known[name]:
            errors.append(
                FieldError(f"/{name}", "repeated", "must not be given more than once", "query")
            )
        seen.add(name)
    if errors:
        raise ValidationFailed(errors=tuple(errors))
    return pairs
