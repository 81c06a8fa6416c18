"""E-mail addresses: how they are stored, and the key that makes them unique."""

import re
import unicodedata

from email_validator import ValidatedEmail, validate_email

from app.core.text_rules import text_key

# Characters of an address (RFC 5321, section 4.5.3.1.3, less the angle brackets).
MAX_LENGTH = 254
# Characters of each label of its domain (RFC 1035, section 2.3.4): encoding a longer one by IDNA
# takes quadratic time.
_MAX_LABEL = 63


def normalise(address: str) -> str:
    """The address in NFC and trimmed, with its domain in lower case.

    Raises `ValueError` for what is no address.
    """
    return _parsed(address).normalized


def key(address: str) -> str:
    """The key that all spellings of an address share.

    The domain is in its DNS form, so that look-alikes stay different; case and width are folded in
    the rest. Raises `ValueError` for what is no address.
    """
    parsed = _parsed(address)
    return f"{text_key(parsed.local_part)}@{parsed.ascii_domain}"


def _parsed(address: str) -> ValidatedEmail:
    address = address.strip()
    # Before anything expensive is done with it.
    if len(address) > MAX_LENGTH:
        raise ValueError("too long for an address")
    domain = unicodedata.normalize("NFC", address.rpartition("@")[2])
    if any(len(label) > _MAX_LABEL for label in re.split("[.\u3002\uff0e\uff61]", domain)):
        raise ValueError("too long for a part of a domain")
    return validate_email(address, check_deliverability=False)
