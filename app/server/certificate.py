"""A certificate and its key, looked at before anything starts."""

import ssl

from app.core.settings import Settings, SettingsError

# For a key that is encrypted OpenSSL would else ask the terminal, where nobody may be.
NO_PASSWORD = "none"  # noqa: S105


def check_certificate(settings: Settings) -> None:
    """Raise `SettingsError` where there is one that is no good; OpenSSL says why."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.tls_cert, settings.tls_key, NO_PASSWORD)
    except OSError as error:  # ssl.SSLError is one
        reason = getattr(error, "reason", None) or error.strerror
        raise SettingsError(
            f"TICKBOX_TLS_CERT and TICKBOX_TLS_KEY cannot be used ({reason}): they have to be "
            "files in PEM that this user may read, the server's own certificate before those that "
            "lead to its CA, and its private key, not encrypted"
        ) from None
