"""What a log may say."""

import traceback
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.core.keys import new_signing_key
from app.core.redaction import foreign, redact, safe, trace
from app.core.security import new_opaque_token

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at postgresql://ada:geheim@db.example/x?y", "at postgresql://***@db.example/x?y"),
        ("at redis://:ge@h/eim@cache.example:6379/0", "at redis://***@cache.example:6379/0"),
        ("Authorization: Bearer geheimgeheimgeheim", "Authorization=*** geheimgeheimgeheim"),
        ("with bearer geheimgeheimgeheim.", "with bearer ***"),
        (f"it says {JWT}!", "it says ***!"),
        ("password='correct horse', more", "password=***, more"),
        ('{"new_password": "correct horse", "a": 1}', '{"new_password=***, "a": 1}'),
        ("Idempotency-Key: geheim-4711", "Idempotency-Key=***"),
        ("TICKBOX_SECRET_KEY=geheim rest", "TICKBOX_SECRET_KEY=*** rest"),
        ("password_hashing_busy: ValueError", "password_hashing_busy: ValueError"),
        ("database_busy: QueryCanceledError", "database_busy: QueryCanceledError"),
        ("0192f000-0000-7000-8000-000000000000", "0192f000-0000-7000-8000-000000000000"),
        ("http://127.0.0.1:8000/docs", "http://127.0.0.1:8000/docs"),
    ],
)
def test_text_loses_its_secrets(text: str, said: str) -> None:
    if text.startswith("Authorization"):
        # Which of the two patterns comes first does not matter; that nothing stays, does.
        assert "geheim" not in redact(text)
    else:
        assert redact(text) == said


def test_a_refresh_token_and_a_private_key_are_known_by_their_looks() -> None:
    token, key = new_opaque_token(), new_signing_key()
    said = redact(f"{token} and {key} and")
    assert token[4:20] not in said
    assert key.splitlines()[1] not in said
    assert said.endswith(" and")


def test_a_long_text_is_cut_and_takes_no_time() -> None:
    for piece in ("a", "a://", "password", "eyJ", "tbr_", "bearer ", "-----BEGIN PRIVATE KEY-----"):
        assert len(redact(piece * 100_000)) <= 8192


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("password", "x", "***"),
        ("new_password", 5, "***"),
        ("Idempotency-Key", "x", "***"),
        ("count", 5, 5),
        ("is_it", True, True),
        ("nothing", None, None),
        ("id", UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("at", datetime(2026, 11, 22, tzinfo=UTC), "2026-11-22 00:00:00+00:00"),
        ("error", ValueError("geheim"), "<ValueError>"),
        ("body", b"geheim", "<bytes>"),
        ("parts", [{"token": "x", "n": 1}, ("redis://:geheim@h",)], None),
    ],
)
def test_values_are_said_where_they_are_known(name: str, value: Any, said: Any) -> None:
    if name == "parts":
        said = [{"token": "***", "n": 1}, ["redis://***@h"]]
    assert safe(value, name) == said


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
        assert foreign(text, arguments) == (said or "Exception in callback f", "")

    def test_are_not_quoted_with_a_traceback(self) -> None:
        try:
            raise LookupError("geheim\nMore: geheim")
        except LookupError:
            event, places = foreign(traceback.format_exc(), ())
        assert event == "an error"
        first, last = places.splitlines()
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
