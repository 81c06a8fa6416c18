"""E-mail addresses: as their owners typed them, and what is unique of them."""

from email_validator import validate_email

from app.core.schemas import text_key


def normalise(address: str) -> str:
    """As it was typed, in NFC, but for the domain. Raises `ValueError` for what is no address."""
    return validate_email(address, check_deliverability=False).normalized


def key(address: str) -> str:
    """The same for all spellings of an address, also those that no owner typed.

    The domain is what DNS knows it by (two that look alike are two), the rest is folded without
    regard to case and width. Raises `ValueError` for what is no address.
    """
    parsed = validate_email(address, check_deliverability=False)
    return f"{text_key(parsed.local_part)}@{parsed.ascii_domain}"
