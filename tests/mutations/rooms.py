"""Which tests are to notice a mutation of which files."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Room:
    """Files, by patterns below `app/`, and their tests, in the order in which they are run."""

    files: tuple[str, ...]
    tests: tuple[str, ...]

    def modules(self) -> list[Path]:
        """The files, relative to the checkout."""
        found = [path for pattern in self.files for path in sorted((ROOT / "app").glob(pattern))]
        return [path.relative_to(ROOT) for path in found if path.stat().st_size]


ROOMS = {
    "todos": Room(
        ("features/todos/*.py", "features/todos/sql/*.py"),
        ("tests/features/todos", "tests/features/labels", "tests/features/users/test_purge.py"),
    ),
    "labels": Room(
        ("features/labels/*.py",),
        ("tests/features/labels", "tests/features/users/test_purge.py"),
    ),
    "comments": Room(
        ("features/comments/*.py",),
        ("tests/features/comments", "tests/features/users/test_purge.py"),
    ),
    "activity": Room(
        ("features/activity/*.py",),
        ("tests/features/activity",),
    ),
    "repetition": Room(
        ("features/recurrence/*.py", "features/completions/*.py"),
        ("tests/features/recurrence", "tests/features/completions"),
    ),
    "views": Room(
        ("features/views/*.py", "features/due/days.py"),
        ("tests/features/views", "tests/features/due/test_days.py"),
    ),
    "projects": Room(
        ("features/projects/*.py",),
        (
            "tests/features/projects",
            "tests/features/users/test_deletion.py",
            "tests/features/users/test_purge.py",
            "tests/features/todos/test_quotas.py",
        ),
    ),
    "members": Room(
        ("features/members/*.py", "features/invitations/*.py", "features/labels/adoption.py"),
        ("tests/features/members", "tests/features/invitations", "tests/web/test_permissions.py"),
    ),
    "sessions": Room(
        ("features/sessions/*.py",),
        ("tests/features/sessions", "tests/features/auth", "tests/features/users/test_attempts.py"),
    ),
    "idempotency": Room(
        ("database/idempotency_keys.py", "web/idempotency.py"),
        ("tests/web/test_idempotency.py", "tests/features/users/test_purge.py"),
    ),
    "cache": Room(
        ("redis/response_cache.py", "web/responses.py"),
        (
            "tests/redis/test_response_cache.py",
            "tests/redis/test_invalidation.py",
            "tests/features/projects",
        ),
    ),
    "limits": Room(
        ("redis/rate_limits.py", "web/request_gate.py"),
        (
            "tests/redis/test_counts.py",
            "tests/redis/test_rate_limits.py",
            "tests/redis/test_response_cache.py",
            "tests/web/test_scopes.py",
            "tests/features/users/test_attempts.py",
        ),
    ),
}
