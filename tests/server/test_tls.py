"""Certificates: what is no good stops the start, and what is renewed is taken while serving."""

import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from app.core.settings import Settings, SettingsError
from app.server import tls
from app.server.tls import Certificate
from tests.certificates import Authority, Files, new_key, pem, pem_of_key, shown


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(autouse=True)
def warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Only that, also after a test that has run a command in this process."""
    caplog.set_level(logging.WARNING, "app")


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> Files:
    return authority.issue(tmp_path)


def on_disk(files: Files) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes())


def check(files: Files) -> None:
    tls.check(Settings.model_validate(files.settings))


class TestStart:
    def test_is_in_plain_http_without_a_certificate(self) -> None:
        tls.check(Settings())

    def test_proves_itself_to_who_knows_the_root_only(
        self, authority: Authority, files: Files, caplog: pytest.LogCaptureFixture
    ) -> None:
        check(files)
        certificate = Certificate(files.certificate, files.key)
        assert shown(certificate.context, authority.client_context()) == on_disk(files)
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(certificate.context, Authority().client_context())
        assert caplog.records == []

    @pytest.mark.parametrize(
        ("version", "is_served"),
        [
            (ssl.TLSVersion.TLSv1_1, False),
            (ssl.TLSVersion.TLSv1_2, True),
            (ssl.TLSVersion.TLSv1_3, True),
        ],
    )
    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
    def test_takes_no_old_protocol(
        self, authority: Authority, files: Files, version: ssl.TLSVersion, *, is_served: bool
    ) -> None:
        client = authority.client_context()
        client.set_ciphers("DEFAULT:@SECLEVEL=0")  # else it would not even ask
        client.minimum_version = client.maximum_version = version
        certificate = Certificate(files.certificate, files.key)
        if is_served:
            shown(certificate.context, client)
        else:
            with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
                shown(certificate.context, client)

    @pytest.mark.parametrize("offered", [["h2"], ["h2", "http/1.1"], ["http/1.1"]])
    def test_serves_who_would_rather_have_another_http(
        self, authority: Authority, files: Files, offered: list[str]
    ) -> None:
        client = authority.client_context()
        client.set_alpn_protocols(offered)
        shown(Certificate(files.certificate, files.key).context, client)

    @pytest.mark.parametrize(
        ("break_it", "sentence"),
        [
            (lambda files: files.certificate.unlink(), "CERT cannot be read .No such file"),
            (lambda files: files.key.unlink(), "KEY cannot be read .No such file"),
            (
                lambda files: (files.key.unlink(), files.key.mkdir()),
                "KEY cannot be read .Is a directory",
            ),
            (lambda files: files.certificate.write_bytes(b""), "CERT is no certificate in PEM"),
            (
                lambda files: files.certificate.write_bytes(pem_of_key(new_key())),
                "CERT is no certificate in PEM",
            ),
            (
                lambda files: files.certificate.write_bytes(b"\x30\x82\x01\x00"),
                "CERT is no certificate in PEM",
            ),
            (lambda files: files.key.write_bytes(b"geheim"), "KEY is no private key in PEM"),
            (
                lambda files: files.key.write_bytes(files.certificate.read_bytes()),
                "KEY is no private key in PEM",
            ),
            (
                lambda files: files.key.write_bytes(pem_of_key(new_key(), b"geheim")),
                "KEY is encrypted, .* `openssl pkey",
            ),
            (
                lambda files: files.key.write_bytes(pem_of_key(new_key())),
                "KEY is the key of another certificate",
            ),
            (
                lambda files: files.certificate.write_bytes(
                    pem(*reversed(x509.load_pem_x509_certificates(files.certificate.read_bytes())))
                ),
                "KEY is the key of another certificate",
            ),
        ],
    )
    def test_is_refused_with_what_to_do(
        self, files: Files, break_it: Callable[[Files], object], sentence: str
    ) -> None:
        break_it(files)
        for start in (check, lambda files: Certificate(files.certificate, files.key)):
            with pytest.raises(SettingsError, match=f"^TICKBOX_TLS_{sentence}") as error:
                start(files)
            assert "geheim" not in str(error.value)
            assert "\n" not in str(error.value)

    def test_is_refused_with_a_key_that_is_weak(self, authority: Authority, tmp_path: Path) -> None:
        # Not a size that anybody should use: that is the point.
        weak = rsa.generate_private_key(65537, 1024)
        with pytest.raises(SettingsError, match=r"cannot be used for TLS \(EE_KEY_TOO_SMALL\)"):
            check(authority.issue(tmp_path, weak))

    @pytest.mark.parametrize(
        ("days", "said"), [(30, ""), (-1, "ended on"), (90, "begins on"), (0.01, "")]
    )
    def test_warns_of_a_certificate_that_clients_refuse(
        self,
        authority: Authority,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        days: float,
        said: str,
    ) -> None:
        check(authority.issue(tmp_path, days=days))
        messages = [record.getMessage() for record in caplog.records]
        assert [said in message for message in messages] == [True] * bool(said)


class TestRenewal:
    def test_is_taken_by_new_connections(
        self, authority: Authority, files: Files, tmp_path: Path
    ) -> None:
        client = authority.client_context()
        certificate = Certificate(files.certificate, files.key)
        first = on_disk(files)
        certificate.refresh()
        assert shown(certificate.context, client) == first

        authority.issue(tmp_path)
        certificate.refresh()
        assert shown(certificate.context, client) == first  # still being written, for all we know
        certificate.refresh()
        assert shown(certificate.context, client) == on_disk(files) != first

    def test_may_be_of_another_kind_of_key(
        self, authority: Authority, files: Files, tmp_path: Path
    ) -> None:
        """One context can hold a chain for each kind; the old one is not to be shown any more."""
        client = authority.client_context()
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        certificate = Certificate(files.certificate, files.key)
        authority.issue(tmp_path, rsa.generate_private_key(65537, 2048))
        certificate.refresh()
        certificate.refresh()
        client.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
        assert shown(certificate.context, client) == on_disk(files)
        client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
            shown(certificate.context, client)

    def test_may_come_by_a_link_that_is_set_anew(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        """As certbot and Kubernetes do it."""
        for name in ("old", "new"):
            (tmp_path / name).mkdir()
            authority.issue(tmp_path / name)
        live = tmp_path / "live"
        live.symlink_to("old")
        files = Files(live)
        certificate = Certificate(files.certificate, files.key)
        old = on_disk(files)
        (tmp_path / "next").symlink_to("new")
        (tmp_path / "next").replace(live)
        certificate.refresh()
        certificate.refresh()
        assert shown(certificate.context, authority.client_context()) == on_disk(files) != old

    @pytest.mark.parametrize("what", ["certificate", "key", "gone"])
    def test_that_is_no_good_is_logged_once_and_changes_nothing(
        self,
        authority: Authority,
        files: Files,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        what: str,
    ) -> None:
        client = authority.client_context()
        certificate = Certificate(files.certificate, files.key)
        first = on_disk(files)
        if what == "gone":
            files.key.unlink()
        else:
            getattr(files, what).write_bytes(b"half")
        for _ in range(5):
            certificate.refresh()
            assert shown(certificate.context, client) == first
        [record] = caplog.records
        assert record.levelno == logging.ERROR
        assert "stays, the new one is not taken: TICKBOX_TLS_" in record.getMessage()

        caplog.clear()
        authority.issue(tmp_path)
        certificate.refresh()
        certificate.refresh()
        assert shown(certificate.context, client) == on_disk(files)
        assert [record.levelno for record in caplog.records] == []

    @pytest.mark.parametrize("what", ["certificate", "key"])
    def test_that_is_no_good_is_not_what_a_successor_begins_with(
        self,
        authority: Authority,
        files: Files,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        what: str,
    ) -> None:
        """It is handed what the one before it had."""
        client = authority.client_context()
        pair, first = Certificate(files.certificate, files.key).pair, on_disk(files)
        assert b"PRIVATE KEY" not in repr(pair).encode()
        getattr(files, what).write_bytes(b"half")
        with pytest.raises(SettingsError):
            Certificate(files.certificate, files.key)
        successor = Certificate(files.certificate, files.key, pair)
        assert (shown(successor.context, client), successor.pair) == (first, pair)
        [record] = caplog.records
        assert "stays, the new one is not taken: TICKBOX_TLS_" in record.getMessage()

        authority.issue(tmp_path)
        successor.refresh()
        successor.refresh()
        assert shown(successor.context, client) == on_disk(files) != first
        assert successor.pair.certificate == files.certificate.read_bytes()
        assert successor.pair.key == files.key.read_bytes()

    def test_with_one_that_has_ended_is_warned_of(
        self,
        authority: Authority,
        files: Files,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        certificate = Certificate(files.certificate, files.key)
        authority.issue(tmp_path, days=-1)
        certificate.refresh()
        certificate.refresh()
        assert [record.levelno for record in caplog.records] == [logging.WARNING]

    def test_looks_at_nothing_but_the_files(self, files: Files) -> None:
        """Read again without a change, they would be parsed each second."""
        certificate = Certificate(files.certificate, files.key)
        before = certificate.context, certificate._current
        for path in (files.certificate, files.key):
            os.utime(path, ns=(0, path.stat().st_mtime_ns))
        certificate.refresh()
        certificate.refresh()
        assert (certificate.context, certificate._current) == before
