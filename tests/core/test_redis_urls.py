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
        assert settings.redis_url.get_secret_value() == "redis://h:6380/1"

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("geheim-4711", "is no URL"),
            ("http://:geheim@h", "is no URL"),
            ("redis://:geheim@h:port", "port or a parameter"),
            ("redis://:geheim@[h", "is no URL"),
            ("redis://", "names no host"),
            ("redis:///0", "names no host"),
            ("redis://:geheim@:6379/0", "names no host"),
            ("unix://", "names no host or socket"),
            ("unix://geheim", "names no host or socket"),
            ("redis://:geheim@h,h2:6379", "or more than one"),
            ("redis://:geheim@h%2Ch2", "or more than one"),
            ("redis://:geheim@h h", "is no URL"),
            ("redis://:geheim@h%20h", "names no host"),
            ("redis://:ge\nheim@h", "is no URL"),
            ("redis://h/geheim", "database that is no number"),
            ("redis://h?db=geheim", "a parameter that is none"),
            ("unix:///s?db=geheim", "a parameter that is none"),
            ("redis://h?geheim-4711=1", "a parameter that is none"),
            ("redis://h?ssl_cert_reqs=none", "none for its scheme"),
            ("rediss://h?ssl_cert_reqs=geheim", "a parameter that is none"),
            ("rediss://h?ssl_ca_certs=/geheim", "cannot be read"),
            ("rediss://h?ssl_certfile=/geheim", "cannot be read"),
            ("rediss://h?ssl_keyfile=/geheim", "a parameter that is none"),
        ],
    )
    def test_is_refused_with_a_reason(self, url: str, why: str) -> None:
        assert why in refusal("redis_url", url)
