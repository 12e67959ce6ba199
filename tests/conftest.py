"""Fixtures for all tests."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.examples import examples
from tests.fakes.postgres import PostgresServer, running_postgres

# How long an example takes says nothing here: other programs share the machine.
settings.register_profile("unhurried", deadline=None, max_examples=examples(60))
settings.load_profile("unhurried")

# Whoever runs the tests in the background may have Ctrl-C ignored, and programs inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One embedded Postgres for the session."""
    with running_postgres(tmp_path_factory.mktemp("embedded")) as server:
        yield server


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database of the test's own: migrated, empty, dropped afterwards."""
    with postgres_server.new_database() as url:
        yield url
