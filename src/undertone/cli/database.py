"""The database a verb works on: `DATABASE_URL`, or the embedded one, started when it is not running.

    with database(settings, say) as dsn: ...

Knows nothing of what is done with it.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from undertone import db, postgres
from undertone.config import Settings


@contextmanager
def database(settings: Settings, say: Callable[[str], None], *, migrate: bool = True) -> Generator[str]:
    """A migrated database's address. The embedded server is left to whoever still uses it."""
    embedded = None
    dsn = settings.database_url
    if dsn is None:
        embedded = postgres.start(settings.data_dir.resolve() / "postgres", say)
        dsn = embedded.dsn
    try:
        if migrate:
            db.migrate(dsn, say, settings.recall_dimension)
        yield dsn
    finally:
        if embedded is not None:
            embedded.stop()
