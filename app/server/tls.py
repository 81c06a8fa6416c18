"""HTTPS: a certificate and its key, checked before anything starts, and renewed while serving."""

import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.core.clock import utc_now
from app.core.settings import Settings, SettingsError
from app.server.nameless import nameless

logger = logging.getLogger(__name__)

# What tells whether a file is another one than it was: None if there is none.
_Stamp = tuple[int, int, int] | None


def check(settings: Settings) -> None:
    """Log what is wrong with the certificate's dates. Raises `SettingsError` for all else."""
    leaf = certificate_of(settings)
    if leaf is not None:
        _check_dates(leaf)


def certificate_of(settings: Settings) -> x509.Certificate | None:
    """The one that is served by, if there is one. Raises `SettingsError`."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return _load(settings.tls_cert, settings.tls_key)[0]


@dataclass(frozen=True)
class Pair:
    """A certificate, with those that lead to its CA, and its key, in PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


def served(settings: Settings, before: Pair | None = None) -> "Certificate | None":
    """What is served by, if it is HTTPS. Raises as `Certificate` does."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_cert, settings.tls_key, before)


class Certificate:
    """What new connections are encrypted by; `pair` is what was read of it.

    Files that are no good raise `SettingsError`, unless a pair is given that was good before.
    """

    def __init__(self, certificate: Path, key: Path, before: Pair | None = None) -> None:
        self._files = (certificate, key)
        self._loaded = self._seen = self._stamps()
        # The server keeps this one. What is served by it each connection asks for, so that chain
        # and key change at once: loaded into a context in use, they would one after the other.
        try:
            _, self.pair, self.context = _load(*self._files)
            _, _, self._current = _load(*self._files)
        except SettingsError as error:
            if before is None:
                raise
            _not_taken(error)
            self.pair = before
            self.context, self._current = _context_of(before), _context_of(before)
        self.context.sni_callback = self._choose

    def refresh(self) -> None:
        """Take the files again if they have changed; to be called every second or so.

        They have to be unchanged since the last call: both are written, and wholly. If they are
        no good, the ones before stay in use.
        """
        stamps, seen = self._stamps(), self._seen
        self._seen = stamps
        if stamps == self._loaded or stamps != seen:
            return
        self._loaded = stamps
        try:
            leaf, self.pair, self._current = _load(*self._files)
        except SettingsError as error:
            _not_taken(error)
        else:
            logger.info(
                "the certificate was renewed; it is good until %s", leaf.not_valid_after_utc
            )
            _check_dates(leaf)

    def _choose(
        self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        connection.context = self._current

    def _stamps(self) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for path in self._files)


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _not_taken(error: SettingsError) -> None:
    logger.error("the certificate in use stays, the new one is not taken: %s", error)


def _load(certificate: Path, key: Path) -> tuple[x509.Certificate, Pair, ssl.SSLContext]:
    """The certificate itself, all that the files hold, and a context that proves it by its key."""
    pair = Pair(_read(certificate, "CERT"), _read(key, "KEY"))
    leaf = _leaf(pair.certificate, certificate)
    _check_key(pair.key, key, leaf)
    return leaf, pair, _context(certificate, key)


def _context_of(pair: Pair) -> ssl.SSLContext:
    """One of what was read before: OpenSSL reads files only."""
    with nameless(pair.certificate) as certificate, nameless(pair.key) as key:
        return _context(*(Path(f"/dev/fd/{file.fileno()}") for file in (certificate, key)))


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # each costs us more than the client
    context.set_alpn_protocols(["http/1.1"])
    try:
        # It would ask the terminal for a password, if the file had just got one.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            "TICKBOX_TLS_CERT and TICKBOX_TLS_KEY cannot be used for TLS "
            f"({getattr(error, 'reason', None) or error.strerror}): get another certificate, of a "
            "key that is strong enough"
        ) from None
    return context


def _leaf(pem: bytes, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        raise SettingsError(
            f"TICKBOX_TLS_CERT is no certificate in PEM: {path} has to hold the server's own, then "
            "those that lead to its CA"
        ) from None


def _check_key(pem: bytes, path: Path, leaf: x509.Certificate) -> None:
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise SettingsError(
            f"TICKBOX_TLS_KEY is encrypted, and nobody is here to say its password: give {path} "
            "without one, as `openssl pkey -in … -out …` writes it, readable by this user only"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsError(
            f"TICKBOX_TLS_KEY is no private key in PEM: {path} has to hold the certificate's"
        ) from None
    if key.public_key() != leaf.public_key():
        raise SettingsError(
            "TICKBOX_TLS_KEY is the key of another certificate than the first one in "
            "TICKBOX_TLS_CERT: give those that were made together, the server's own certificate "
            "before those of its CA"
        )


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"TICKBOX_TLS_{name} cannot be read ({error.strerror}): {path} has to be a file that "
            "this user may read"
        ) from None


def _check_dates(leaf: x509.Certificate) -> None:
    now = utc_now()
    if now > leaf.not_valid_after_utc:
        logger.warning(
            "the certificate of TICKBOX_TLS_CERT ended on %s, and clients refuse it: renew it",
            leaf.not_valid_after_utc,
        )
    elif now < leaf.not_valid_before_utc:
        logger.warning(
            "the certificate of TICKBOX_TLS_CERT begins on %s, and clients refuse it until then: "
            "check this machine's clock",
            leaf.not_valid_before_utc,
        )
