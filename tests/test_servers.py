"""The tests' own servers: which database of a Redis is whose."""

import pytest
from redis.asyncio.connection import parse_url

from tests.servers import numbered


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h:6379", "redis://h:6379/2"),
        ("redis://:p%2Fw@h/3", "redis://:p%2Fw@h/5"),
        ("redis://h/?db=3", "redis://h/5"),
        ("rediss://h/1?ssl_cert_reqs=none&db=3", "rediss://h/5?ssl_cert_reqs=none"),
        ("unix:///run/s", "unix:///run/s?db=2"),
        ("unix:///run/s?db=3", "unix:///run/s?db=5"),
    ],
)
def test_a_process_has_a_redis_database_of_its_own(url: str, expected: str) -> None:
    first = parse_url(url).get("db", 0)
    assert numbered(url, 2) == expected
    assert [parse_url(numbered(url, n))["db"] for n in range(4)] == [first + n for n in range(4)]


def test_a_redis_has_no_more_than_sixteen() -> None:
    assert numbered("redis://h/15", 0) == "redis://h/15"
    with pytest.raises(pytest.UsageError, match="leaves too few databases"):
        numbered("redis://h/15", 1)
