"""The certificate: whether clients take it, and for how much longer."""

import stat
from datetime import timedelta

from app.core import tls
from app.core.config import SettingsError
from app.core.doctor.case import Case
from app.core.doctor.finding import Findings, failed, ok, skipped, warning

# Those who renew by themselves do so a third of its life before: 30 days of 90, soon 15 of 47.
_SOON = timedelta(days=10)


async def check_certificate(case: Case) -> Findings:
    """Of HTTPS, if Tickbox speaks it itself."""
    settings = case.settings
    broken = {"tls_cert", "tls_key"} & case.broken
    if broken:
        yield skipped(case.why_not(min(broken)))
        return
    if settings.tls_cert is None and settings.tls_key is None:
        yield ok("none is set: Tickbox speaks HTTP")
        return
    if settings.tls_cert is None or settings.tls_key is None:
        yield skipped(case.why_not("tls_cert" if settings.tls_cert is None else "tls_key"))
        return
    try:
        leaf = tls.certificate_of(settings)
        assert leaf is not None
    except SettingsError as error:
        yield failed(str(error))
        return
    now = case.now()
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    is_open = stat.S_IMODE(settings.tls_key.stat().st_mode) & 0o077
    if now > ends:
        yield failed(f"it ended on {ends:%Y-%m-%d}, and clients refuse it: renew it")
    elif now < begins:
        yield failed(f"it begins on {begins:%Y-%m-%d}, and clients refuse it: set the clock")
    elif ends - now < _SOON:
        yield warning(f"it ends on {ends:%Y-%m-%d}: renew it")
    elif not is_open:
        yield ok(f"good until {ends:%Y-%m-%d}")
    if is_open:
        yield warning(
            f"others on this machine may use {settings.tls_key}: `chmod 600` it, and get another "
            "if somebody may have read it"
        )
