"""Redis' URLs as platforms give them: understood whole, or refused at the start."""

import pytest

from app.core import urls
from app.core.settings import Settings
from tests.core.refused_urls import refusal


class TestUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "redis://h",
            "redis://:x@h:6380/3",
            "redis://ada:p%2Fw@[::1]/3",
            "redis://h?db=3",
            "rediss://default:x@cache.example:6380/0",
            "rediss://h?ssl_cert_reqs=none",
            "rediss://h?ssl_cert_reqs=required&ssl_check_hostname=false",
            "unix:///run/valkey/socket?db=3",
        ],
    )
    def test_is_taken_as_platforms_write_it(self, url: str) -> None:
        urls.redis(url)

    def test_may_end_in_a_line_break_as_files_do(self) -> None:
        values = {"redis_url": " redis://h:6380/1\n", "database_url": "postgresql://h/db"}
        keys = {"secret_key": "0123456789abcdef0123456789abcdef", "signing_keys": "any"}
        settings = Settings.model_validate(values | keys)
        assert settings.redis_url is not None
        options, _ = urls.redis(settings.redis_url.get_secret_value())
        assert options == {"host": "h", "port": 6380, "db": 1}

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("geheim-4711", "is no URL"),
            ("http://:geheim@h", "is no URL"),
            ("redis://:geheim@h:port", "that is wrong"),
            ("redis://:geheim@[h", "is no URL"),
            ("redis://", "names no host"),
            ("redis:///0", "names no host"),
            ("redis://:geheim@:6379/0", "names no host"),
            ("unix://", "names no host or socket"),
            ("unix://geheim", "names no host or socket"),
            ("redis://:geheim@h h", "is no URL"),
            ("redis://:ge\nheim@h", "is no URL"),
            ("redis://h?db=geheim", "that is wrong"),
            ("unix:///s?db=geheim", "that is wrong"),
            ("redis://h?geheim-4711=1", "that is wrong"),
            ("redis://h?ssl_cert_reqs=none", "that is wrong"),
            ("rediss://h?ssl_cert_reqs=geheim", "that is wrong"),
            ("rediss://h?ssl_ca_certs=/geheim", "that is wrong"),
            ("rediss://h?ssl_certfile=/geheim", "that is wrong"),
            ("rediss://h?ssl_keyfile=/geheim", "that is wrong"),
        ],
    )
    def test_is_refused_with_a_reason(self, url: str, why: str) -> None:
        assert why in refusal("redis_url", url)
