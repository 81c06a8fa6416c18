"""Settings: read once from `TICKBOX_*`, checked, then frozen."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.setting_types import (
    Listed,
    LogLevel,
    Origins,
    PostgresUrl,
    Proxies,
    RedisUrl,
    StrongSecret,
)

# Connections of each process besides its pool, for queries about ended sessions.
SECURITY_CONNECTIONS = 2


class SettingsError(ValueError):
    """The settings are wrong; the text is one sentence for whoever set them."""


class StartError(RuntimeError):
    """Tickbox cannot start here; the text is one sentence for whoever starts it."""


class Settings(BaseSettings):
    """Every field can be set as `TICKBOX_<NAME>`.

    The fields' docstrings make the README's table, and what `tickbox settings` prints.
    """

    model_config = SettingsConfigDict(
        env_prefix="TICKBOX_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        # An ASGI server prints what is raised; a wrong secret is still one.
        hide_input_in_errors=True,
    )

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(8000, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    workers: int = Field(1, ge=1, le=64)
    """Processes that serve. Each has connections (`TICKBOX_DATABASE_POOL_SIZE`) and hashing threads
    of its own, and counts alone while Redis is away."""
    tls_cert: Path | None = None
    """Certificate (PEM, with those that lead to its CA after it) for HTTPS. A renewed one is taken
    by SIGHUP with several workers, else by a restart. Set together with `TICKBOX_TLS_KEY`."""
    tls_key: Path | None = None
    """Its private key (PEM, not encrypted)."""
    proxies: Proxies = ()
    """Addresses and networks, with commas between them, of proxies whose `X-Forwarded-For` and
    `X-Forwarded-Proto` are believed. Without it nobody's are."""
    cors_origins: Origins = ()
    """Origins, with commas between them, whose pages may call the API from a browser, such as
    `https://app.example`."""
    cors_headers: Listed = ("traceparent", "tracestate", "baggage")
    """Headers, with commas between them, that these pages may send besides those of the API; they
    are for whoever traces requests, and nothing here goes by them."""
    data_dir: Path = Path(".tickbox")
    """Folder of the embedded servers' data and keys."""
    database_url: PostgresUrl | None = None
    """PostgreSQL 15 or later. Without it an embedded PostgreSQL is started."""
    database_read_url: PostgresUrl | None = None
    """A replica for reads, if there is one."""
    database_direct_url: PostgresUrl | None = None
    """The same database without a pooler between, for migrations; required with a
    `TICKBOX_DATABASE_POOL_MODE` of `transaction`."""
    database_pool_mode: Literal["none", "session", "transaction"] = "none"
    """The mode of the pooler that the URLs are of, such as PgBouncer, if there is one; with
    `transaction` a read takes four round trips instead of one."""
    redis_url: RedisUrl | None = None
    """Redis 6.2 or later. Set together with `TICKBOX_DATABASE_URL`."""
    secret_key: StrongSecret | None = None
    """Signs cursors: at least 32 random characters. Made and kept by the embedded default; required
    otherwise."""
    signing_keys: SecretStr | None = None
    """EC P-256 private keys (PEM, one after the other): the first signs access tokens, all of them
    verify. Made and kept by the embedded default; required otherwise."""
    issuer: str = Field("tickbox", min_length=1)
    """The `iss` of access tokens. Best the service's URL: then its metadata name addresses below
    it, whatever `Host` a request names."""
    audience: str = Field("tickbox", min_length=1)
    """The `aud` of access tokens."""
    access_token_seconds: int = Field(900, ge=1, le=900)
    """Life of an access token."""
    refresh_token_seconds: int = Field(30 * 86400, ge=1)
    """Life of a refresh token, from its last use."""
    password_min_length: int = Field(15, ge=8, le=128)
    """Fewest code points in a password."""
    password_hash_threads: int = Field(2, ge=1, le=64)
    """Passwords hashed at the same time in one process."""
    database_pool_size: int = Field(32, ge=1, le=1000)
    """Connections to PostgreSQL that one process holds at most, besides two for what security asks.
    No user holds more than a quarter of them."""
    database_pool_timeout: float = Field(1.5, gt=0, le=60)
    """Seconds to wait for a connection before answering 503."""
    statement_timeout: float = Field(5, ge=0.01, le=3600)
    """Seconds after which PostgreSQL gives up on a statement."""
    cache_seconds: int = Field(30, ge=0, le=3600)
    """Seconds for which answers to reads may be kept in Redis; 0 turns that off."""
    limit_user_per_second: int = Field(100, ge=1)
    """Requests a second that a user may send for long."""
    limit_user_burst: int = Field(1000, ge=1)
    """Requests that a user may send at once."""
    limit_address_per_second: int = Field(50, ge=1)
    """The same for an address, of requests without a user."""
    limit_address_burst: int = Field(500, ge=1)
    """The same, at once."""
    limit_sign_ups_per_minute: int = Field(120, ge=1)
    """Accounts that an address may ask for in a minute."""
    limit_sign_ins_per_minute: int = Field(300, ge=1)
    """Sign-ins that an address may try in a minute."""
    limit_sign_in_failures_per_minute: int = Field(20, ge=1)
    """Sign-ins to an account that may fail in a minute, from one network; one that still runs
    counts."""
    limit_account_failures_per_minute: int = Field(100, ge=1)
    """The same from everywhere; where the account signed in from lately, it does not count."""
    quota_todos: int = Field(100_000, ge=1)
    """Todos that a user's projects hold at most, whoever makes them, deleted ones too."""
    quota_projects: int = Field(1000, ge=1)
    """Projects that a user owns at most, with the Inbox."""
    quota_labels: int = Field(1000, ge=1)
    """Labels that a user owns at most."""
    trash_days: int = Field(30, ge=1, le=3650)
    """Days for which what was deleted can be restored; then it is purged."""
    quota_members: int = Field(500, ge=1)
    """Members that a project has at most, with its owner; invitations count until they end."""
    invitation_days: int = Field(14, ge=1, le=365)
    """Days for which an invitation to a project is good."""
    trust_unverified_email: bool | None = None
    """Whether an invitation is for every account with its address, also where nobody has verified
    that. On by the embedded default alone, since anybody can sign up with an address of others."""
    quota_comments: int = Field(1000, ge=1)
    """Comments that a todo has at most."""
    max_body_bytes: int = Field(1 << 20, ge=1024)
    """Largest request body; one over it is 413, and where no token is needed one over 16 KiB."""
    max_buffered_bytes: int = Field(64 << 20, ge=4096)
    """Bytes of bodies that one process holds at once, a quarter of them for one user; over it is
    503. Never less than four times `TICKBOX_MAX_BODY_BYTES`."""
    request_timeout: float = Field(10, gt=0)
    """Seconds in which a request has to arrive whole; else it is cut."""
    send_timeout: float = Field(30, gt=0)
    """Seconds for which an answer waits for a client that takes nothing of it, then it is cut."""
    keep_alive_timeout: int = Field(130, ge=1)
    """Seconds for which a connection is kept between requests: longer than a proxy in front keeps
    it, which else may use one that is just being closed."""
    shutdown_delay: float = Field(0, ge=0)
    """Seconds to go on serving, not ready, after SIGTERM."""
    shutdown_timeout: float = Field(30, gt=0)
    """Seconds that open requests get to finish at shutdown."""
    metrics_port: int | None = Field(None, ge=1, le=65535)
    """Port of its own for `/metrics`, for Prometheus; it tells of all workers. Without it
    `/metrics` is served beside `/v1` by the embedded default, to this machine alone, and otherwise
    not at all."""
    metrics_host: str = "127.0.0.1"
    """Address that `/metrics` listens on there."""
    log_level: LogLevel = "info"
    """Least severity that is logged, on stderr. Requests are `info`, those of health checks
    `debug`, and those that failed `warning`."""

    @property
    def is_embedded(self) -> bool:
        """Whether Tickbox starts its own PostgreSQL and Redis."""
        return self.database_url is None

    @property
    def issuer_is_url(self) -> bool:
        """Whether the issuer is the service's URL."""
        return self.issuer.startswith(("https://", "http://"))

    @property
    def migration_url(self) -> str:
        """The database's URL without a pooler between."""
        url = self.database_direct_url or self.database_url
        assert url is not None
        return url.get_secret_value()

    @model_validator(mode="after")
    def _combination(self) -> Self:
        if (self.database_url is None) != (self.redis_url is None):
            raise ValueError("TICKBOX_DATABASE_URL and TICKBOX_REDIS_URL are set together")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("TICKBOX_TLS_CERT and TICKBOX_TLS_KEY are set together")
        if self.is_embedded and self.database_direct_url is not None:
            raise ValueError("TICKBOX_DATABASE_DIRECT_URL is set, and TICKBOX_DATABASE_URL is not")
        required = [] if self.is_embedded else ["secret_key", "signing_keys"]
        if self.database_pool_mode == "transaction":
            required.append("database_direct_url")
        for name in required:
            if getattr(self, name) is None:
                raise ValueError(
                    f"TICKBOX_{name.upper()} is missing: with TICKBOX_DATABASE_URL, or a "
                    "TICKBOX_DATABASE_POOL_MODE of transaction, it is required"
                )
        return self


# Each on one line, for tables.
for _field in Settings.model_fields.values():
    _field.description = " ".join((_field.description or "").split())
