"""A real Postgres for tests: one server for the session, a database of its own for each test."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from authsvc.postgres.migrate import migrate
from sidecar.embedded_postgres import EmbeddedPostgres

# The data do not outlive the session.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_TEMPLATE = "migrated"
_EMPTY = """
DELETE FROM credentials; DELETE FROM acls; DELETE FROM plugins; DELETE FROM routes;
DELETE FROM services; DELETE FROM consumers; DELETE FROM keyring; DELETE FROM keyring_removed;
DELETE FROM keyring_rotation; DELETE FROM workers;
DELETE FROM change_log; UPDATE change_counter SET seq = 0;
DELETE FROM tokens; DELETE FROM audit; UPDATE audit_head SET seq = 0, mac = ''
"""


class PostgresServer:
    """An embedded server, and databases on it. Usable from any test, in a loop or not."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._numbers = itertools.count()
        self._has_template = False

    @contextmanager
    def new_database(self, *, migrated: bool = True) -> Iterator[str]:
        """Make a database, yield its URL, and drop it."""
        if migrated and not self._has_template:
            self.execute(f"CREATE DATABASE {_TEMPLATE}")
            _in_own_loop(migrate(self.url_of(_TEMPLATE)))
            self._has_template = True
        name = f"test_{next(self._numbers)}"
        template = _TEMPLATE if migrated else "template0"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url_of(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def empty(self, url: str) -> None:
        """Make a migrated database as good as new: quicker than a new one."""
        _in_own_loop(_execute(url, _EMPTY))

    def url_of(self, database: str) -> str:
        """Return the URL of a database on this server."""
        return self.dsn.replace("@/postgres?", f"@/{database}?")

    def execute(self, sql: str) -> None:
        """Run a statement as the superuser, outside of any test's database."""
        _in_own_loop(_execute(self.dsn, sql))


@contextmanager
def running_postgres(data_dir: Path) -> Iterator[PostgresServer]:
    """Run a server that cares for speed only. Call in the main thread, outside of any loop."""
    embedded = EmbeddedPostgres(data_dir, settings=_FAST)
    with asyncio.Runner() as runner:
        dsn = runner.run(embedded.__aenter__())
        try:
            yield PostgresServer(dsn)
        finally:
            runner.run(embedded.__aexit__(None, None, None))


async def _execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def _in_own_loop(work: Coroutine[Any, Any, object]) -> None:
    # In a thread: the test may have a loop running.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, work).result()
