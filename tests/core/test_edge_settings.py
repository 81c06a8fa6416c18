"""Settings of what lies between here and clients: certificate, proxies, origins."""

import pytest
from pydantic import ValidationError

from app.core.settings import Settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing of Tickbox."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TICKBOX_{name.upper()}", raising=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("proxies", "*"),
        ("proxies", "proxy.example"),
        ("proxies", "10.0.0.7:443"),
        ("proxies", "10.0.0.7/8"),
        ("proxies", "10.0.0.0/33"),
        ("proxies", '["10.0.0.7"]'),
        ("proxies", "10.0.0.7 10.0.0.8"),
        ("proxies", "0.0.0.0/0"),
        ("proxies", "10.0.0.7, ::/0"),
        ("cors_origins", "*"),
        ("cors_origins", "https://app.example, *"),
        ("cors_origins", "null"),
        ("cors_origins", "app.example"),
        ("cors_origins", "https://*.example"),
        ("cors_origins", "https://app.example/"),
        ("cors_origins", "https://app.example/index.html"),
        ("cors_origins", "https://APP.example"),
        ("cors_origins", "HTTPS://app.example"),
        ("cors_origins", "https://bücher.example"),
        ("cors_origins", "https://ada@app.example"),
        ("cors_origins", "https://app.example https://other.example"),
        ("cors_origins", '["https://app.example"]'),
        ("cors_origins", "https://"),
        ("cors_origins", "//app.example"),
    ],
)
def test_nonsense_is_refused_with_what_to_write(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"TICKBOX_{name.upper()}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    [error] = caught.value.errors()
    assert error["loc"][0] == name
    said = ("such as", "whoever they say", "is not a valid IPv4 or IPv6 network")
    assert any(text in error["msg"] for text in said)


class TestLists:
    @pytest.mark.parametrize(
        ("written", "networks"),
        [
            ("10.0.0.7", ["10.0.0.7/32"]),
            (" 10.0.0.0/8 ,fd00::/8,", ["10.0.0.0/8", "fd00::/8"]),
            ("2001:DB8:0::1", ["2001:db8::1/128"]),
        ],
    )
    def test_of_proxies_may_be_written_in_any_way(
        self, written: str, networks: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TICKBOX_PROXIES", written)
        assert [str(network) for network in Settings().proxies] == networks

    @pytest.mark.parametrize(
        "origin",
        [
            "https://app.example",
            "http://localhost:3000",
            "http://127.0.0.1:8443",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example",
            "https://app.example:80",
            "capacitor://localhost",
            "chrome-extension://abcdefghijklmnop",
        ],
    )
    def test_of_origins_are_as_browsers_send_them(
        self, origin: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TICKBOX_CORS_ORIGINS", origin)
        assert Settings().cors_origins == (origin,)


class TestCertificate:
    @pytest.mark.parametrize("name", ["TICKBOX_TLS_CERT", "TICKBOX_TLS_KEY"])
    def test_and_its_key_are_set_together(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name, "/etc/tickbox/some.pem")
        with pytest.raises(ValidationError, match="are set together"):
            Settings()


def test_a_proxy_is_the_same_in_the_form_of_ipv6() -> None:
    """Peers are compared as IPv4."""
    assert Settings(proxies="::ffff:10.0.0.7").proxies == Settings(proxies="10.0.0.7").proxies
