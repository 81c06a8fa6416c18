"""`application/x-www-form-urlencoded`: query strings and forms, whose text is UTF-8."""

from urllib.parse import parse_qsl

_MAX_FIELDS = 200
# More than any text has that is taken. Each costs half a microsecond, and 200 bytes while it is
# parsed.
_MAX_ESCAPES = 4_000


def parse(raw: bytes) -> list[tuple[str, str]]:
    """The fields in their order, blank ones too, whether their bytes are escaped or not.

    Raises `UnicodeDecodeError` for what is not UTF-8, and another `ValueError` for too many fields
    or escapes.
    """
    if raw.count(b"%") > _MAX_ESCAPES:
        raise ValueError
    return parse_qsl(
        raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
    )
