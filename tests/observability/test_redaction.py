"""What a log may say."""

import time
import traceback
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.embedded.keys import new_signing_key
from app.observability import redaction
from app.observability.redaction import foreign, redact, safe, trace
from app.security.access_tokens import new_opaque_token

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at postgresql://ada:geheim@db.example/x?y", "at postgresql://***@db.example/x?y"),
        ("at redis://:ge@h/eim@cache.example:6379/0", "at redis://***@cache.example:6379/0"),
        ("Authorization: Bearer geheimgeheimgeheim", "Authorization=***"),
        ("the Authorization: Basic YTpiYw==\nmore", "the Authorization=***"),
        ("HTTP_AUTHORIZATION=Basic YTpiYw==", "HTTP_AUTHORIZATION=***"),
        ('Proxy-Authorization: Digest a="b", response="geheim"', "Proxy-Authorization=***"),
        ("Cookie: a=geheim; b=geheim", "Cookie=***"),
        ("{'a': 1, 'authorization': 'Basic YTpiYw=='}", "{'a': 1, 'authorization=***"),
        ("[(b'a', b'b'), (b'authorization', b'geheim')]", "[(b'a', b'b'), (b'authorization=***"),
        ('["cookie", "geheim"]', '["cookie=***'),
        ('[\\"cookie\\", \\"geheim\\"]', '[\\"cookie=***'),
        ("with bearer geheimgeheimgeheim.", "with ***"),
        (f"it says {JWT}!", "it says ***!"),
        ("password='correct horse', more", "password=***"),
        ('{"a": 1, "new_password": "correct horse"}', '{"a": 1, "new_password=***'),
        ('{"password": "cut geheim\\', '{"password=***'),
        ("passwords: geheim", "passwords=***"),
        ("password_hash=geheim", "password_hash=***"),
        ("token-hashes = geheim", "token-hashes=***"),
        ("$argon2id$v=19$m=19456,t=2,p=1$YWJj$ZGVm, more", "*** more"),
        ("signed by whsec_YWJj+/Zm9v=.", "signed by ***."),
        ("Idempotency-Key: geheim-4711", "Idempotency-Key=***"),
        ("my-idempotency-keys: geheim-4711", "my-idempotency-keys=***"),
        ("tokens=('geheim', b'geheim') rest", "tokens=***"),
        ("password, or nothing", "password, or nothing"),
        ("TICKBOX_SECRET_KEY=geheim rest", "TICKBOX_SECRET_KEY=***"),
        ("password_hashing_busy: ValueError", "password_hashing_busy: ValueError"),
        ("database_busy: QueryCanceledError", "database_busy: QueryCanceledError"),
        ("0192f000-0000-7000-8000-000000000000", "0192f000-0000-7000-8000-000000000000"),
        ("http://127.0.0.1:8000/docs", "http://127.0.0.1:8000/docs"),
    ],
)
def test_text_loses_its_secrets(text: str, said: str) -> None:
    assert redact(text) == said


def test_a_refresh_token_and_a_private_key_are_known_by_their_looks() -> None:
    token, key = new_opaque_token(), new_signing_key()
    said = redact(f"{token} and {key} and")
    assert token[4:20] not in said
    assert key.splitlines()[1] not in said
    assert said.endswith(" and")


def test_a_long_text_is_cut() -> None:
    assert redact("a" * 100_000) == "a" * 8192


@pytest.mark.parametrize("end", ["", '!@"', "\\"])
@pytest.mark.parametrize(
    "piece",
    [
        *("a", "a-", " ", "://", "a://", "a://@", "-----BEGIN A ", "-----BEGIN PRIVATE KEY-----"),
        *("bearer ", "bearer  ", "basic a", "eyJ", "eyJ-", "eyJ.", "tbr_", "tbr_a-", "whsec_"),
        *("$argon2", "$argon2$", "$argon2a$-", "password", "password ", "password:", "password=' "),
        *(
            "password_",
            "password_hash",
            "passwords ",
            "password-hashes",
            'password": "',
            'token\\"=',
        ),
        *('token\\": \\"', 'token\\": \\\\"', "token', ", "token', '", "token=\\", "token=b'\\"),
        *(
            "cookie:",
            "cookie: ",
            "authorization=",
            "authorization",
            "api-",
            "api_key",
            "token=[",
            "token={[",
            "\\",
            '\\"',
        ),
    ],
)
def test_takes_linear_time(monkeypatch: pytest.MonkeyPatch, piece: str, end: str) -> None:
    # A quadratic pattern would take many seconds for so much, and a linear one a few hundredths.
    monkeypatch.setattr(redaction, "_MAX_CHARACTERS", 100_000)
    begun = time.process_time()
    redact(piece * (100_000 // len(piece)) + end)
    safe(piece * (100_000 // len(piece)) + end, 1)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("password", "x", "***"),
        ("new_password", 5, "***"),
        ("Idempotency-Key", "x", "***"),
        ("password_hash", "$argon2id$v=19$m=19456,t=2,p=1$YWJj$ZGVm", "***"),
        ("passwords", "x", "***"),
        ("user.token", "x", "***"),
        ("secret", "whsec_YWJj", "***"),
        ("said", "whsec_YWJj", "***"),
        ("password_hashing_busy", "x", "x"),
        ("count", 5, 5),
        ("is_it", True, True),
        ("nothing", None, None),
        ("id", UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("at", datetime(2026, 11, 22, tzinfo=UTC), "2026-11-22 00:00:00+00:00"),
        ("error", ValueError("geheim"), "<ValueError>"),
        ("body", b"geheim", "<bytes>"),
        ("body", {"said": "geheim"}, "<dict>"),
        ("parts", ["geheim"], "<list>"),
    ],
)
def test_values_are_said_where_they_are_known(name: str, value: Any, said: Any) -> None:
    assert safe(name, value) == said


class TestOtherLibraries:
    @pytest.mark.parametrize(
        ("text", "arguments", "said"),
        [
            ("Finished process [%d]", (4711,), "Finished process"),
            ("took %.1f s for %s", (1.5, "geheim"), "took 1.5 s for ***"),
            ("got '%s'.", ("geheim",), "got"),
            ("one %s", {"geheim": 1}, "one %s"),
            ("Exception in callback f(b'geheim')\nhandle: <Handle geheim>", (), None),
        ],
    )
    def test_are_quoted_up_to_what_they_quote(
        self, text: str, arguments: Any, said: str | None
    ) -> None:
        assert foreign(text, arguments) == (said or "Exception in callback f")

    def test_are_not_quoted_with_a_traceback(self) -> None:
        try:
            raise LookupError("geheim\nMore: geheim")
        except LookupError:
            event, first, last = foreign(traceback.format_exc(), ()).splitlines()
        assert event == "an error"
        assert first.strip().startswith("File ")
        assert last == "LookupError"


class TestErrors:
    def test_of_a_group_are_all_named(self) -> None:
        group = ExceptionGroup("geheim", [ValueError("geheim"), TypeError("geheim")])
        assert sorted(trace(group).splitlines()) == [
            "ExceptionGroup",
            "part of it: TypeError",
            "part of it: ValueError",
        ]

    def test_that_go_round_in_circles_are_named_once(self) -> None:
        first, second = ValueError(), TypeError()
        first.__cause__, second.__cause__ = second, first
        assert trace(first) == "ValueError\ncaused by TypeError"

    def test_that_recurse_are_cut(self) -> None:
        def recurse() -> None:
            recurse()

        with pytest.raises(RecursionError) as caught:
            recurse()
        assert len(trace(caught.value).splitlines()) == 51

    def test_say_no_code_that_was_given(self) -> None:
        assert trace(SystemExit("geheim")) == "SystemExit"
