"""E-mail addresses: as their owners typed them, and what is unique of them."""

import re
import unicodedata

from email_validator import ValidatedEmail, validate_email

from app.core.text import text_key

# Characters of an address (RFC 5321, section 4.5.3.1.3, less the angle brackets).
MAX_LENGTH = 254
# Characters of each part of its domain (RFC 1035, section 2.3.4); other scripts' get more by IDNA,
# which takes the square of their length.
_MAX_LABEL = 63


def normalise(address: str) -> str:
    """As it was typed, in NFC and trimmed, but for the domain.

    Raises `ValueError` for what is no address.
    """
    return _parsed(address).normalized


def key(address: str) -> str:
    """The same for all spellings of an address, also those that no owner typed.

    The domain is what DNS knows it by (two that look alike are two), the rest is folded without
    regard to case and width. Raises `ValueError` for what is no address.
    """
    parsed = _parsed(address)
    return f"{text_key(parsed.local_part)}@{parsed.ascii_domain}"


def _parsed(address: str) -> ValidatedEmail:
    address = address.strip()
    # Before anything dear is done with it.
    if len(address) > MAX_LENGTH:
        raise ValueError("too long for an address")
    domain = unicodedata.normalize("NFC", address.rpartition("@")[2])
    if any(len(label) > _MAX_LABEL for label in re.split("[.\u3002\uff0e\uff61]", domain)):
        raise ValueError("too long for a part of a domain")
    return validate_email(address, check_deliverability=False)
