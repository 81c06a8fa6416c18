"""`If-Match` (RFC 9110, section 13.1.1), for the statements that write."""

import re
from typing import Annotated

from fastapi import Depends, Header, Request

_ETAG = re.compile(r'"[1-9][0-9]{0,9}"', re.ASCII)

# The versions that the client would overwrite; None: whichever it is.
Versions = list[int] | None


async def _if_match(
    request: Request,
    if_match: Annotated[
        str | None,
        Header(
            description="The `ETag` that you read: if it is another by now, nothing is changed and "
            "the answer is 412.",
            examples=['"3"'],
        ),
    ] = None,
) -> Versions:
    if if_match is None:
        return None
    values = request.headers.getlist("if-match")
    tags = [tag.strip() for tag in ",".join(values).split(",")]
    if "*" in tags:
        return None
    # What is not one of our ETags (a weak one, say: the comparison is strong) matches nothing.
    return [int(tag[1:-1]) for tag in tags if _ETAG.fullmatch(tag) and int(tag[1:-1]) < 1 << 31]


IfMatch = Annotated[Versions, Depends(_if_match)]
