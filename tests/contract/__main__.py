"""`make test-contract`: Schemathesis against a running server, as strict as it can be.

Arguments go to `st run`, and win over those here: `--seed 7`, `--max-time 3600`,
`--include-operation-id list_todos`, `--phases stateful`, …
"""

import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from schemathesis.cli import schemathesis

from tests.contract import hooks
from tests.contract.people import EMAIL, People, credentials
from tests.served import served
from tests.web.operations import OPERATIONS

_CONFIG = Path(__file__).with_name("schemathesis.toml")
_ARGUMENTS = [
    *("--checks", "all"),
    *("--mode", "all"),
    *("--phases", "examples,coverage,fuzzing,stateful"),
    "--continue-on-failure",
    *("--generation-database", "none"),
    # Fuzzing and walks go on, with other values each time, until the time is over.
    *("--max-time", "180"),
    *("--max-examples", "30"),
    *("--seed", "1"),
]
# With these a run is of a part, and says nothing of the other operations.
_PARTIAL = ("--include", "--exclude", "--phases")


def main(arguments: list[str]) -> int:
    """The exit code: 0 only if there was no failure, and each operation did what it is for."""
    with served() as url, tempfile.TemporaryDirectory() as folder:
        people = People(url)
        users = Path(folder) / "people.json"
        users.write_text(json.dumps(_users(people)))
        os.environ["TICKBOX_CONTRACT_PEOPLE"] = str(users)
        answers = hooks.install(people)
        code = _run(f"{url}/openapi.json", arguments)
    idle = _report(answers.counts)
    is_partial = any(argument.startswith(_PARTIAL) for argument in arguments)
    return code or int(bool(idle) and not is_partial)


def _run(document: str, arguments: list[str]) -> int:
    try:
        schemathesis.main(["--config-file", str(_CONFIG), "run", document, *_ARGUMENTS, *arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _users(people: People) -> dict[str, object]:
    """Two people, in the form of the Web Fuzzing Commons."""
    token = {
        "extractFrom": "body",
        "extractSelector": "/access_token",
        "sendIn": "header",
        "sendName": "Authorization",
        "sendTemplate": "Bearer {token}",
    }
    emails = {"ada": people.sign_up(EMAIL), "bob": people.sign_up()}
    return {
        "auth": [
            {
                "name": name,
                "loginEndpointAuth": {
                    "verb": "POST",
                    "endpoint": "/v1/oauth/token",
                    "contentType": "application/x-www-form-urlencoded",
                    "payloadRaw": urlencode(credentials(email)),
                    "token": token,
                },
            }
            for name, email in emails.items()
        ]
    }


def _report(counts: Mapping[tuple[str, int], int]) -> list[str]:
    """Print which answers there were; the operations that were never answered 2xx."""
    statuses: dict[str, dict[int, int]] = defaultdict(dict)
    for (operation, status), count in sorted(counts.items()):
        statuses[operation][status] = count
    print("\nAnswers, by operation and status:")
    for operation, found in statuses.items():
        print(f"  {operation:24}", *(f"{status}: {count}" for status, count in found.items()))
    idle = [
        operation.id
        for operation in OPERATIONS
        if not any(200 <= status < 300 for status in statuses[operation.id])
    ]
    if idle:
        print("Never answered 2xx, so never really tested:", *idle)
    return idle


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
