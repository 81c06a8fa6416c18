"""Keys: that they sign, and that nobody else can read them."""

import os
import stat
from collections import Counter
from pathlib import Path

from app.core.config import SettingsError
from app.core.doctor.case import Case
from app.core.doctor.finding import Finding, Findings, failed, ok, skipped, warning
from app.core.security import key_ids


async def check_keys(case: Case) -> Findings:
    """Those that are set, and those that the embedded default keeps."""
    settings = case.settings
    found = _kept_files(settings.data_dir.resolve() / "keys") if case.is_embedded else []
    count = 0
    if settings.signing_keys is not None:
        try:
            ids = key_ids(settings.signing_keys.get_secret_value())
        except SettingsError as error:
            found.append(failed(str(error)))
        else:
            count = len(ids)
            found += _repeated(ids)
    for name in ("secret_key", "signing_keys"):
        if getattr(settings, name) is None and not case.is_embedded:
            found.append(skipped(case.why_not(name)))
    for finding in found:
        yield finding
    if found:
        return
    if case.servers_fail:
        yield skipped("the embedded servers do not start")
    elif count:
        yield ok(f"{count} EC P-256 {'key' if count == 1 else 'keys'}, of which the first signs")
    else:
        yield ok("none yet: the first start makes them")


def _repeated(ids: list[str]) -> list[Finding]:
    twice = [number for number in Counter(ids).values() if number > 1]
    if not twice:
        return []
    return [
        warning(
            "TICKBOX_SIGNING_KEYS has the same key more than once: leave one, since nothing is "
            "gained by it, and a new key may have been meant"
        )
    ]


def _kept_files(folder: Path) -> list[Finding]:
    found = []
    for path in (folder, folder / "secret_key", folder / "signing_key.pem"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            found.append(failed(f"{path} cannot be read ({error.strerror}): mend its rights"))
            continue
        if stat.S_IMODE(status.st_mode) & 0o077:
            mode = "700" if path == folder else "600"
            found.append(
                failed(
                    f"others on this machine may use {path}: `chmod {mode}` it, and remove it to "
                    "have a new one made if somebody may have read it"
                )
            )
        if status.st_uid not in (os.geteuid(), 0):
            found.append(warning(f"{path} is another user's, who can read it: `chown` it"))
    return found
