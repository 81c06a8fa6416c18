"""A certificate that cannot be used is one sentence before anything starts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.settings import Settings, SettingsError
from app.server.certificate import check_certificate
from tests.certificates import Authority, Files, new_key, pem_of_key


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Authority().issue(tmp_path)


def settings_of(files: Files) -> Settings:
    return Settings(tls_cert=files.certificate, tls_key=files.key)


def test_a_good_one_is_good(files: Files) -> None:
    check_certificate(settings_of(files))
    check_certificate(Settings())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda files: files.certificate.unlink(), "No such file"),
        (lambda files: files.key.unlink(), "No such file"),
        (lambda files: files.certificate.write_bytes(b"none"), "(?i)pem|start"),
        (lambda files: files.key.write_bytes(b"half of it"), "(?i)pem|start"),
        (lambda files: files.key.write_bytes(pem_of_key(new_key())), "(?i)mismatch"),
        # It asks nobody for the password.
        (lambda files: files.key.write_bytes(pem_of_key(new_key(), b"4711")), "(?i)decrypt|pem"),
    ],
    ids=["no certificate", "no key", "another file", "half a key", "another key", "encrypted"],
)
def test_another_one_is_not(files: Files, spoil: Callable[[Files], None], reason: str) -> None:
    spoil(files)
    with pytest.raises(SettingsError, match=reason) as raised:
        check_certificate(settings_of(files))
    assert "TICKBOX_TLS_CERT" in str(raised.value)
    assert "\n" not in str(raised.value)
