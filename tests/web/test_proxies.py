"""Who the client is: what trusted proxies say of it, and nothing that anybody else says."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from app.core.addresses import address_of
from app.web.proxies import ProxyMiddleware

TRUSTED = ("10.0.0.0/8", "192.0.2.1", "fd00::/8")
PROXY = "10.0.0.7"
CLIENT = "203.0.113.7"
FORGED = "198.51.100.66"
FOR, PROTO = "X-Forwarded-For", "X-Forwarded-Proto"


async def seen(
    peer: str | None,
    headers: Sequence[tuple[str, str]] = (),
    *,
    trusted: Sequence[str] = TRUSTED,
    scheme: str = "http",
) -> tuple[str | None, str]:
    """The address and the scheme that the app gets to see."""
    scopes: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        scopes.append(scope)

    async def never(*_: object) -> Any:
        raise AssertionError

    scope: Scope = {
        "type": "http",
        "scheme": scheme,
        "client": None if peer is None else (peer, 4711),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }
    before = dict(scope)
    await ProxyMiddleware(app, [ip_network(text) for text in trusted])(scope, never, never)
    assert scope == before  # the server's own
    client = scopes[0]["client"]
    return (None if client is None else client[0]), scopes[0]["scheme"]


class TestClient:
    @pytest.mark.parametrize(
        ("values", "client"),
        [
            ([], PROXY),
            ([CLIENT], CLIENT),
            ([f"  {CLIENT}\t"], CLIENT),
            ([f"{FORGED}, {CLIENT}"], CLIENT),
            ([FORGED, CLIENT], CLIENT),
            ([f"{FORGED},{CLIENT}", "10.0.0.9"], CLIENT),
            ([f"{FORGED}, {CLIENT}, 192.0.2.1, 10.1.2.3"], CLIENT),
            ([f"10.0.0.8, {FORGED}, {CLIENT}, 10.1.2.3"], CLIENT),
            # A client in the proxies' own network.
            (["10.9.9.9"], "10.9.9.9"),
            (["10.9.9.9, 10.8.8.8"], "10.9.9.9"),
            # With a port, as some write it.
            ([f"{CLIENT}:50123"], CLIENT),
            (["2001:db8::7"], "2001:db8::7"),
            (["2001:DB8:0::7"], "2001:db8::7"),
            (["[2001:db8::7]"], "2001:db8::7"),
            (["[2001:db8::7]:50123"], "2001:db8::7"),
            (["fe80::7%eth0"], "fe80::7"),
            ([f"::ffff:{CLIENT}"], CLIENT),
            ([f"[::ffff:{CLIENT}]:1"], CLIENT),
            ([f"{CLIENT}, ::ffff:10.0.0.9"], CLIENT),
            ([f"{CLIENT}, fd12::1"], CLIENT),
            # What is none tells of nobody: what is left of it was not written by who is trusted.
            (["unknown"], PROXY),
            ([""], PROXY),
            ([","], PROXY),
            ([f"{FORGED}, unknown"], PROXY),
            ([f"{FORGED}, "], PROXY),
            ([f"{FORGED}, unix:"], PROXY),
            ([f"{FORGED}, {CLIENT}:http"], PROXY),
            ([f"{FORGED}, 203.0.113"], PROXY),
            ([f"{FORGED}, 203.0.113.7.1"], PROXY),
            ([f"{FORGED}, 0xcb007107"], PROXY),
            ([f"{FORGED}, [2001:db8::7"], PROXY),
            ([f"{FORGED}, [2001:db8::7]x"], PROXY),
            ([f"{FORGED}, é\x01\x80"], PROXY),
            ([f"{FORGED}, unknown, 10.0.0.9"], "10.0.0.9"),
        ],
    )
    async def test_is_the_first_from_the_right_that_is_no_proxy(
        self, values: list[str], client: str
    ) -> None:
        assert await seen(PROXY, [(FOR, value) for value in values]) == (client, "http")

    @pytest.mark.parametrize(
        "peer", [PROXY, "::ffff:10.0.0.7", "192.0.2.1", "fd00::1", "fd00::1%eth0"]
    )
    async def test_is_told_by_each_trusted_proxy(self, peer: str) -> None:
        assert await seen(peer, [(FOR, CLIENT)]) == (CLIENT, "http")

    @pytest.mark.parametrize(
        "peer", [CLIENT, "127.0.0.1", "::1", "192.0.2.2", "::ffff:11.0.0.1", "testclient", "", None]
    )
    async def test_is_told_by_nobody_else(self, peer: str | None) -> None:
        headers = [(FOR, FORGED), (FOR, PROXY), (PROTO, "https")]
        assert await seen(peer, headers) == (peer, "http")

    async def test_is_who_connects_where_nobody_is_trusted(self) -> None:
        headers = [(FOR, FORGED), (PROTO, "https")]
        assert await seen(PROXY, headers, trusted=()) == (PROXY, "http")

    @pytest.mark.parametrize(
        "header",
        ["Forwarded", "X-Real-IP", "X-Client-IP", "X-Forwarded", "Forwarded-For", "Via",
         "True-Client-IP", "CF-Connecting-IP", "X-Forwarded-Host", "X-Forwarded-For-"],
    )  # fmt: skip
    async def test_is_told_by_no_other_header(self, header: str) -> None:
        for value in (FORGED, f"for={FORGED};proto=https"):
            assert await seen(PROXY, [(header, value)]) == (PROXY, "http")

    @given(
        forged=st.lists(st.text(st.characters(codec="ascii", exclude_characters="\r\n"))),
        client=st.ip_addresses().filter(
            lambda ip: not any(address_of(str(ip)) in ip_network(network) for network in TRUSTED)
        ),
        chain=st.lists(st.sampled_from(["10.1.1.1", "192.0.2.1", "fd00::7", "::ffff:10.3.4.5"])),
    )
    async def test_cannot_say_who_it_is(
        self, forged: list[str], client: Any, chain: list[str]
    ) -> None:
        """Whatever it sends, and however many proxies append to that."""
        *others, last = [*chain, PROXY]
        headers = [(FOR, value) for value in [*forged, ", ".join([str(client), *others])]]
        assert await seen(last, headers) == (str(address_of(str(client))), "http")


class TestScheme:
    @pytest.mark.parametrize(
        ("values", "scheme"),
        [
            ([], "http"),
            (["https"], "https"),
            ([" HTTPS "], "https"),
            (["http"], "http"),
            ([""], "http"),
            (["wss"], "http"),
            (["ftp"], "http"),
            (["https://x"], "http"),
            # One proxy: what it has appended itself is the last.
            (["https, http"], "http"),
            (["https", "http"], "http"),
            (["http, https"], "https"),
        ],
    )
    async def test_is_what_the_proxy_says(self, values: list[str], scheme: str) -> None:
        headers = [(FOR, CLIENT), *((PROTO, value) for value in values)]
        assert await seen(PROXY, headers) == (CLIENT, scheme)

    async def test_is_what_the_client_used_and_not_the_proxies_among_themselves(self) -> None:
        headers = [(FOR, f"{FORGED}, {CLIENT}, 10.0.0.9"), (PROTO, "x, https, http")]
        assert await seen(PROXY, headers) == (CLIENT, "https")
        # Most pass on the first one's.
        assert await seen(PROXY, [*headers[:1], (PROTO, "https")]) == (CLIENT, "https")

    async def test_may_be_told_without_an_address(self) -> None:
        assert await seen(PROXY, [(PROTO, "https")]) == (PROXY, "https")

    async def test_may_be_less_than_between_proxy_and_here(self) -> None:
        headers = [(FOR, CLIENT), (PROTO, "http")]
        assert await seen(PROXY, headers, scheme="https") == (CLIENT, "http")
        assert await seen(CLIENT, headers, scheme="https") == (CLIENT, "https")
