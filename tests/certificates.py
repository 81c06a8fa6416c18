"""Certificates as a public CA's: a root that clients know, an intermediate, and a server's own."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
HOST = "127.0.0.1"
DAY = timedelta(days=1)


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def pem_of_key(key: Key, password: bytes | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


class Authority:
    """A root and its intermediate, which signs what servers have."""

    def __init__(self) -> None:
        root_key = new_key()
        self._key = new_key()
        self.root = _signed("Root", root_key, "Root", root_key, ca=True)
        self._intermediate = _signed("Intermediate", self._key, "Root", root_key, ca=True)

    def certificate(self, key: Key, *, days: float = 30, host: str = HOST) -> x509.Certificate:
        """One for this machine by default; `days` from now it ends, or has ended."""
        return _signed(host, key, "Intermediate", self._key, days=days)

    def chain(self, key: Key, *, days: float = 30, host: str = HOST) -> bytes:
        return pem(self.certificate(key, days=days, host=host), self._intermediate)

    def issue(
        self, folder: Path, key: Key | None = None, *, days: float = 30, host: str = HOST
    ) -> "Files":
        """Write a new certificate and its key, in place of what is there."""
        key = key or new_key()
        files = Files(folder)
        files.certificate.write_bytes(self.chain(key, days=days, host=host))
        files.key.write_bytes(pem_of_key(key))
        return files

    def client_context(self) -> ssl.SSLContext:
        """A client that knows the root, and nothing else."""
        return ssl.create_default_context(cadata=pem(self.root).decode())


class Files:
    """A certificate with its chain, and its key."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "fullchain.pem"
        self.key = folder / "privkey.pem"

    @property
    def settings(self) -> dict[str, str]:
        return {"tls_cert": str(self.certificate), "tls_key": str(self.key)}

    @property
    def environment(self) -> dict[str, str]:
        return {f"TICKBOX_{name.upper()}": value for name, value in self.settings.items()}


def _signed(  # what a certificate says, which is much
    subject: str, key: Key, issuer: str, issuer_key: Key, *, ca: bool = False, days: float = 30
) -> x509.Certificate:
    end = datetime.now(UTC) + days * DAY
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - 60 * DAY)
        .not_valid_after(end)
    )
    for extension, is_critical in _extensions(subject, key, issuer_key, ca=ca):
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _extensions(
    subject: str, key: Key, issuer_key: Key, *, ca: bool
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    yield x509.BasicConstraints(ca=ca, path_length=None), True
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    yield x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    yield (
        x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage),
        True,
    )
    if not ca:
        here = [x509.DNSName("localhost"), x509.IPAddress(ip_address(HOST))]
        names = here if subject == HOST else [x509.DNSName(subject)]
        yield x509.SubjectAlternativeName(names), False


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def shown(server: ssl.SSLContext, client: ssl.SSLContext) -> x509.Certificate:
    """What a client gets to see that connects now."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    client_side = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    waiting = [client_side, server_side]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    assert not waiting
    der = client_side.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)
