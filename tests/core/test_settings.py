"""Settings: what the environment says, checked before anything starts."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.core.settings import Settings

SECRET = "q8ZrT2vX9mLw4KpYs7NbHd3FgJc6RtVa"
SERVERS = {
    "TICKBOX_DATABASE_URL": "postgresql://ada:geheim-4711@db.example/tickbox",
    "TICKBOX_DATABASE_DIRECT_URL": "postgresql://ada:geheim-4711@db.example:5433/tickbox",
    "TICKBOX_REDIS_URL": "redis://:geheim-4711@cache.example",
    "TICKBOX_SECRET_KEY": SECRET,
    "TICKBOX_SIGNING_KEYS": "-----BEGIN PRIVATE KEY----- geheim-4711",
}
# Each field with something that is not its default.
VALUES: dict[str, Any] = {
    "host": "0.0.0.0",
    "port": 0,
    "workers": 4,
    "tls_cert": Path("/etc/tickbox/fullchain.pem"),
    "tls_key": Path("/etc/tickbox/privkey.pem"),
    "proxies": (IPv4Network("10.0.0.7/32"), IPv6Network("fd00::/8")),
    "cors_origins": ("https://app.example", "http://localhost:3000"),
    "cors_headers": ("sentry-trace", "X-Trace"),
    "data_dir": Path("/var/lib/tickbox"),
    "database_url": SERVERS["TICKBOX_DATABASE_URL"],
    "database_read_url": "postgresql://replica.example/tickbox",
    "database_direct_url": SERVERS["TICKBOX_DATABASE_DIRECT_URL"],
    "database_pool_mode": "transaction",
    "redis_url": SERVERS["TICKBOX_REDIS_URL"],
    "secret_key": SECRET,
    "signing_keys": SERVERS["TICKBOX_SIGNING_KEYS"],
    "issuer": "https://tickbox.example",
    "audience": "https://api.tickbox.example",
    "access_token_seconds": 60,
    "refresh_token_seconds": 86400,
    "password_min_length": 20,
    "password_hash_threads": 4,
    "database_pool_size": 8,
    "database_pool_timeout": 0.25,
    "statement_timeout": 2.5,
    "cache_seconds": 0,
    "limit_user_per_second": 5,
    "limit_user_burst": 50,
    "limit_address_per_second": 3,
    "limit_address_burst": 30,
    "limit_sign_ups_per_minute": 6,
    "limit_sign_ins_per_minute": 10,
    "limit_sign_in_failures_per_minute": 4,
    "limit_account_failures_per_minute": 50,
    "quota_todos": 500,
    "quota_labels": 500,
    "quota_comments": 500,
    "quota_projects": 50,
    "trash_days": 7,
    "quota_members": 20,
    "invitation_days": 3,
    "trust_unverified_email": True,
    "max_body_bytes": 4096,
    "max_buffered_bytes": 1 << 25,
    "request_timeout": 3.0,
    "send_timeout": 20.0,
    "keep_alive_timeout": 75,
    "shutdown_delay": 5.0,
    "shutdown_timeout": 12.5,
    "metrics_port": 9100,
    "metrics_host": "0.0.0.0",
    "log_level": "debug",
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing of Tickbox."""
    for name in VALUES:
        monkeypatch.delenv(f"TICKBOX_{name.upper()}", raising=False)


def plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def written(name: str) -> str:
    """As it stands in the environment: a list has commas and any spaces."""
    value = VALUES[name]
    return " , ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def refusal(**environment: str) -> str:
    """What is said about a start that the settings do not allow."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with pytest.raises(ValidationError) as error:
            Settings()
    problems = error.value.errors(include_url=False, include_input=False, include_context=False)
    assert "geheim" not in str(problems)
    return str(problems)


class TestEnvironment:
    def test_says_nothing_on_a_fresh_machine_and_that_will_do(self) -> None:
        settings = Settings()
        assert settings.is_embedded
        assert (settings.host, settings.port) == ("127.0.0.1", 8000)
        assert settings.data_dir == Path(".tickbox")

    @pytest.mark.parametrize("name", Settings.model_fields)
    def test_sets_each_field(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for variable, value in SERVERS.items():
            monkeypatch.setenv(variable, value)
        default = getattr(Settings(), name)
        if name.startswith("tls_"):  # they are set together
            for other in ("tls_cert", "tls_key"):
                monkeypatch.setenv(f"TICKBOX_{other.upper()}", written(other))
        monkeypatch.setenv(f"TICKBOX_{name.upper()}", written(name))

        value = getattr(Settings(), name)
        assert plain(value) == VALUES[name]
        assert type(plain(value)) is type(VALUES[name]) or isinstance(value, Path)
        assert plain(default) != VALUES[name] or f"TICKBOX_{name.upper()}" in SERVERS

    def test_that_is_empty_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in VALUES:
            monkeypatch.setenv(f"TICKBOX_{name.upper()}", "")
        assert Settings() == Settings.model_construct()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("port", "70000"),
            ("port", "-1"),
            ("port", "http"),
            ("access_token_seconds", "0"),
            ("access_token_seconds", "901"),
            ("access_token_seconds", "15m"),
            ("refresh_token_seconds", "0"),
            ("password_min_length", "7"),
            ("password_min_length", "129"),
            ("password_hash_threads", "0"),
            ("database_pool_size", "0"),
            ("database_pool_timeout", "0"),
            ("database_pool_timeout", "nan"),
            ("statement_timeout", "0"),
            ("statement_timeout", "0.0001"),
            ("statement_timeout", "inf"),
            ("statement_timeout", "1e9"),
            ("statement_timeout", "nan"),
            ("max_body_bytes", "10"),
            ("max_buffered_bytes", "10"),
            ("request_timeout", "0"),
            ("send_timeout", "0"),
            ("send_timeout", "inf"),
            ("keep_alive_timeout", "0"),
            ("shutdown_delay", "-1"),
            ("shutdown_delay", "inf"),
            ("shutdown_timeout", "0"),
            ("shutdown_timeout", "inf"),
            ("shutdown_timeout", "nan"),
            ("metrics_port", "0"),
            ("log_level", "loud"),
        ],
    )
    def test_that_says_nonsense_is_refused(self, name: str, value: str) -> None:
        assert f"'loc': ('{name}',)" in refusal(**{f"TICKBOX_{name.upper()}": value})

    @pytest.mark.parametrize("level", ["INFO", "Info", "info"])
    def test_takes_a_level_in_any_case(self, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TICKBOX_LOG_LEVEL", level)
        assert Settings().log_level == "info"

    def test_cannot_be_changed_afterwards(self) -> None:
        with pytest.raises(ValidationError):
            # That it is refused is the test.
            Settings().port = 80  # type: ignore[misc]

    def test_is_described_field_by_field(self) -> None:
        assert set(VALUES) == set(Settings.model_fields)
        assert all(field.description for field in Settings.model_fields.values())


class TestServers:
    @pytest.mark.parametrize("name", ["TICKBOX_DATABASE_URL", "TICKBOX_REDIS_URL"])
    def test_are_set_together(self, name: str) -> None:
        only = {variable: value for variable, value in SERVERS.items() if variable != name}
        assert "are set together" in refusal(**only)

    @pytest.mark.parametrize("name", ["TICKBOX_SECRET_KEY", "TICKBOX_SIGNING_KEYS"])
    def test_of_your_own_need_secrets_of_your_own(self, name: str) -> None:
        only = {variable: value for variable, value in SERVERS.items() if variable != name}
        assert f"{name} is missing" in refusal(**only)

    def test_what_an_asgi_server_prints_does_not_have_a_wrong_secret(self) -> None:
        with pytest.raises(ValidationError) as refused:
            Settings.model_validate({"secret_key": "geheim-4711"})
        assert "is weak" in str(refused.value)
        assert "geheim" not in str(refused.value)

    @pytest.mark.parametrize(
        "secret", ["x", SECRET[:31], "a" * 64, "password" * 8, "0123456789" * 3, "ab" * 40]
    )
    def test_do_not_start_with_a_weak_secret(self, secret: str) -> None:
        said = refusal(**SERVERS | {"TICKBOX_SECRET_KEY": secret})
        assert "is weak" in said
        assert len(secret) == 1 or secret not in said

    @pytest.mark.parametrize(
        ("name", "url"),
        [
            ("database_url", "geheim-4711"),
            ("database_url", "postgresql://ada:geheim-4711@[db/tickbox"),
            ("database_url", "mysql://ada:geheim-4711@db.example/tickbox"),
            ("database_url", "redis://:geheim-4711@cache.example"),
            ("database_url", "postgresql://ada:geheim-4711@db.example:port/tickbox"),
            ("database_read_url", "sqlite:///geheim-4711"),
            ("redis_url", "geheim-4711"),
            ("redis_url", "http://:geheim-4711@cache.example"),
            ("redis_url", "redis://:geheim-4711@cache.example:port"),
        ],
    )
    def test_are_refused_where_the_url_is_of_something_else(self, name: str, url: str) -> None:
        said = refusal(**SERVERS | {f"TICKBOX_{name.upper()}": url})
        assert f"'loc': ('{name}',)" in said

    @pytest.mark.parametrize(
        ("name", "url"),
        [
            ("database_url", "postgres://ada:x@db.example/tickbox"),
            ("database_url", "postgresql+asyncpg://postgres@/tickbox?host=/run/x&port=5432"),
            ("redis_url", "rediss://:x@cache.example:6380/0"),
            ("redis_url", "unix:///run/valkey/socket"),
        ],
    )
    def test_are_taken_as_platforms_write_them(
        self, name: str, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for variable, value in (SERVERS | {f"TICKBOX_{name.upper()}": url}).items():
            monkeypatch.setenv(variable, value)
        assert plain(getattr(Settings(), name)) == url


class TestSecrets:
    def test_are_not_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for variable, value in SERVERS.items():
            monkeypatch.setenv(variable, value)
        settings = Settings()
        for shown in (repr(settings), str(settings), settings.model_dump_json()):
            assert "geheim" not in shown
            assert SECRET not in shown


class TestPooler:
    """`pool_mode = transaction` of PgBouncer: said by a setting, and migrations go around it."""

    POOLED = "postgresql://ada:geheim-4711@pooler.example:6543/tickbox?pgbouncer=true"

    def settings(self, **changes: Any) -> Settings:
        values = {name.removeprefix("TICKBOX_").lower(): value for name, value in SERVERS.items()}
        del values["database_direct_url"]
        return Settings.model_validate(values | changes)

    def test_that_keeps_no_session_needs_a_way_around_it(self) -> None:
        with pytest.raises(ValidationError, match="TICKBOX_DATABASE_DIRECT_URL is missing"):
            self.settings(database_pool_mode="transaction")

    def test_is_not_where_migrations_go(self) -> None:
        direct = "postgresql://ada:x@db.example/tickbox"
        settings = self.settings(
            database_url=self.POOLED, database_direct_url=direct, database_pool_mode="transaction"
        )
        assert settings.migration_url == direct
        assert self.settings().migration_url == SERVERS["TICKBOX_DATABASE_URL"]

    def test_is_of_no_use_to_the_embedded_database(self) -> None:
        with pytest.raises(ValidationError, match="TICKBOX_DATABASE_URL is not"):
            Settings.model_validate({"database_direct_url": "postgresql://db.example/tickbox"})
