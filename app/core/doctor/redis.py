"""Redis: whether it answers, takes what it is told, and knows what to drop when it is full."""

import socket
import ssl
import time
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.core.doctor.case import Case
from app.core.doctor.finding import Finding, Findings, failed, ok, skipped, warning
from app.core.redis import PATIENCE

OLDEST = (6, 2)
_SECONDS = 3
_TRIES = 5
_KEY = "tickbox:doctor"
_POLICY = "volatile-ttl"
_AWAY = "it cannot be reached: start it, or mend TICKBOX_REDIS_URL"
# Those that are more special come first.
_PROBLEMS: dict[type[Exception], str] = {
    exceptions.OutOfMemoryError: "it is full, and may drop nothing: raise `maxmemory`, or "
    f"`CONFIG SET maxmemory-policy {_POLICY}`",
    exceptions.ReadOnlyError: "it takes no writes: name a master in TICKBOX_REDIS_URL",
    exceptions.NoPermissionError: "its user may not do all that Tickbox does: "
    "`ACL SETUSER … ~tickbox:* +@all -@dangerous +info`",
    exceptions.AuthenticationError: "the user or the password is wrong: mend TICKBOX_REDIS_URL",
    exceptions.BusyLoadingError: "it is loading its data: wait until it has",
    exceptions.TimeoutError: f"it does not answer within {_SECONDS} s: mend that, or "
    "TICKBOX_REDIS_URL",
    socket.gaierror: "there is no host of that name: mend TICKBOX_REDIS_URL",
    exceptions.ConnectionError: _AWAY,
    OSError: _AWAY,
}


async def check_redis(case: Case) -> Findings:
    """Tickbox goes on without it, but is not ready then."""
    url, problem = case.url("redis_url")
    if not url:
        yield skipped(problem) if problem else ok("none yet: each start makes one")
        return
    redis = Redis.from_url(
        url,
        protocol=2,
        socket_timeout=_SECONDS,
        socket_connect_timeout=_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    case.reached.push_async_callback(redis.aclose)
    try:
        milliseconds = 1000 * min([await _ping(redis) for _ in range(_TRIES)])
        case.redis = redis
        facts = await _facts(redis)
        found = _fitness(facts) if facts else []
        if not found:
            await _write(redis)
            found = _memory(facts)
    except exceptions.RedisError as error:
        yield failed(_why(error))
        return
    if milliseconds > 1000 * PATIENCE:
        found.append(
            warning(
                f"it takes {milliseconds:.0f} ms to answer, and Tickbox goes on without it after "
                f"{1000 * PATIENCE:.0f}: use one that is nearer"
            )
        )
    for finding in found:
        yield finding
    if not found:
        yield ok(
            f"version {facts['redis_version']} answers in {milliseconds:.1f} ms, "
            f"{facts['used_memory_human']} of {facts['maxmemory_human']} in use"
        )


async def _ping(redis: "Redis") -> float:
    started = time.perf_counter()
    await redis.ping()
    return time.perf_counter() - started


async def _facts(redis: "Redis") -> dict[str, Any]:
    """What it says of itself; nothing, where its user may not ask, and need not."""
    try:
        facts: dict[str, Any] = await redis.info("everything")
    except exceptions.NoPermissionError:
        return {}
    return facts


async def _write(redis: "Redis") -> None:
    """What the cache and the limits need it to do. Raises what it says to that."""
    await redis.set(_KEY, "", ex=10)
    await redis.mget(_KEY, _KEY)
    await redis.eval("return redis.call('DEL', KEYS[1])", 1, _KEY)


def _fitness(facts: dict[str, Any]) -> list[Finding]:
    version = tuple(int(part) for part in str(facts["redis_version"]).split(".")[:2])
    found = []
    if version < OLDEST:
        needed = ".".join(map(str, OLDEST))
        found.append(
            failed(f"this is Redis {facts['redis_version']}: Tickbox needs {needed} or later")
        )
    if facts.get("cluster_enabled"):
        found.append(failed("this is a cluster, which Tickbox cannot use: give it a single Redis"))
    if facts["role"] != "master":
        found.append(
            failed("this is a replica, which takes no writes: name its master in TICKBOX_REDIS_URL")
        )
    return found


def _memory(facts: dict[str, Any]) -> list[Finding]:
    if not facts:
        return [
            warning(
                "its user may not ask for INFO, so that its version and memory are not known: "
                "`ACL SETUSER … +info`"
            )
        ]
    found = []
    if not facts["maxmemory"]:
        found.append(
            warning(
                "it has no `maxmemory`, and may take all of the machine's: "
                "`CONFIG SET maxmemory 128mb`, and the same in its configuration"
            )
        )
    if facts["maxmemory_policy"] != _POLICY:
        found.append(
            warning(
                f"its `maxmemory-policy` is {facts['maxmemory_policy']}: with {_POLICY} it would "
                f"drop answers first and counts last; `CONFIG SET maxmemory-policy {_POLICY}`"
            )
        )
    return found


def _why(error: exceptions.RedisError) -> str:
    # What goes wrong while it connects, redis-py wraps.
    is_wrapped = type(error) is exceptions.ConnectionError
    cause = (is_wrapped and (error.__cause__ or error.__context__)) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message}): mend that"
    for kind, problem in _PROBLEMS.items():
        if isinstance(cause, kind):
            return problem
    # Its text may quote what it was sent.
    first = str(error).split(" ", 1)[0]
    said = first if first.isupper() and first.isalpha() else type(error).__name__
    return f"it does not take what it is told ({said}): its log says why"
