"""`make check-migrations`: fails if the models and the migrations differ."""

import sys

from alembic import command
from alembic.util import CommandError

from app.database import migrations
from tests import servers


def difference(database_url: str) -> str | None:
    """What a new migration would change in a database that is at head. Not in an event loop."""
    try:
        command.check(migrations.config(database_url))
    except CommandError as error:
        return str(error)
    return None


def main() -> int:
    """The exit code."""
    with servers.start(), servers.cloned_database("tickbox_alembic_check") as name:
        database_url = servers.settings_for(name).database_url
        assert database_url is not None
        found = difference(database_url.get_secret_value())
    if found is not None:
        print(found, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
