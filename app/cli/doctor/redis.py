"""Redis: whether it answers, takes what it is told, and knows what to drop when it is full."""

import ssl
from collections.abc import Callable, Iterator
from typing import Any

from redis import exceptions
from redis.asyncio import Redis

from app.cli.doctor.finding import Finding
from app.core import urls
from app.core.settings import Settings

OLDEST = (6, 2)
_SECONDS = 3
_KEY = "tickbox:doctor"
_POLICY = "volatile-ttl"
_MEND = "mend that, or TICKBOX_REDIS_URL"
# The more special ones come first.
_REASONS: dict[type[Exception], str] = {
    exceptions.OutOfMemoryError: f"it is full: raise `maxmemory`, or have it drop by {_POLICY}",
    exceptions.ReadOnlyError: "it takes no writes: name its primary in TICKBOX_REDIS_URL",
    exceptions.NoPermissionError: "its user may not do all that Tickbox does: "
    "`ACL SETUSER … ~tickbox:* +@all -@dangerous +info`",
    exceptions.AuthenticationError: f"the user or the password is wrong: {_MEND}",
    exceptions.TimeoutError: f"it does not answer within {_SECONDS} s: {_MEND}",
    exceptions.ConnectionError: "it cannot be reached: start it, or mend TICKBOX_REDIS_URL",
}


async def check_redis(settings: Settings, report: Callable[[Finding], None]) -> None:
    """Tickbox goes on without it, but then each read costs a query."""
    assert settings.redis_url is not None
    redis = Redis.from_url(
        settings.redis_url.get_secret_value(),
        protocol=2,
        socket_timeout=_SECONDS,
        socket_connect_timeout=_SECONDS,
        retry=None,
        decode_responses=True,
    )
    try:
        async with redis:
            facts = await redis.info("everything")
            problems = [*_judged(facts)]
            if not facts["cluster_enabled"]:
                # What the cache and the limits need it to do.
                await redis.set(_KEY, "", ex=10)
                await redis.eval("return redis.call('DEL', KEYS[1])", 1, _KEY)
    except exceptions.RedisError as error:
        problems = [Finding("Redis", "failed", _reason(error))]
    text = "version {redis_version}, {used_memory_human} of {maxmemory_human} in use"
    for finding in problems or [Finding("Redis", "ok", text.format_map(facts))]:
        report(finding)


def _judged(facts: dict[str, Any]) -> Iterator[Finding]:
    version, policy = facts["redis_version"], facts["maxmemory_policy"]
    if tuple(map(int, version.split(".")[:2])) < OLDEST:
        text = f"this is version {version}: upgrade it to {OLDEST[0]}.{OLDEST[1]} or later"
        yield Finding("Redis", "failed", text)
    if facts["cluster_enabled"]:
        text = "this is a cluster, which Tickbox cannot use: give it a single Redis"
        yield Finding("Redis", "failed", text)
    if not facts["maxmemory"]:
        text = "it may take all of the machine's memory: set its `maxmemory`, such as to 128mb"
        yield Finding("Redis", "warning", text)
    if policy != _POLICY:
        text = f"its `maxmemory-policy` is {policy}: by {_POLICY} it drops answers before counts"
        yield Finding("Redis", "warning", text)


def _reason(error: exceptions.RedisError) -> str:
    # redis-py wraps what goes wrong while it connects.
    causes = (error.__cause__ or error.__context__, error)
    if isinstance(causes[0], ssl.SSLError):
        return f"{urls.describe_tls_error(causes[0])}: {_MEND}"
    reasons = (_REASONS[kind] for kind in _REASONS if any(isinstance(e, kind) for e in causes))
    return next(reasons, f"it refuses what it is told ({type(error).__name__}): see its log")
