"""What Moesif wants, for the processes that go by it: where it is kept, and for which plugins."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from analytics.governor import Governor
from analytics.instruction_book import InstructionBook
from analytics.instruction_metrics import InstructionMetrics
from analytics.instruction_store import InstructionStore
from analytics.moesif import MoesifCollector
from authsvc.governance import is_refused
from authsvc.policy import KeyAuthConfig
from authsvc.store import Stores
from sidecar.moesif_source import MoesifSetup, follow_setup
from sidecar.owned_task import start_owned
from sidecar.settings_model import Settings

_FOLDER = "moesif"  # in data_dir


def moesif_folder(settings: Settings) -> Path:
    """Return where is kept what Moesif said, and what it was told of consumers."""
    return Path(settings.data_dir) / _FOLDER


def sampling_book(
    settings: Settings, *, source: MoesifCollector, metrics: InstructionMetrics
) -> InstructionBook:
    """Return what analytics samples by; the answers to its batches tell when to ask again."""
    book = InstructionBook(source=source, metrics=metrics, store=_store(settings))
    source.noticed = book.notice
    return book


@asynccontextmanager
async def governing(
    settings: Settings,
    stores: Stores,
    *,
    default: KeyAuthConfig | None,
    metrics: InstructionMetrics,
) -> AsyncIterator[Governor]:
    """Yield what judges requests in a worker of authsvc.

    Plugins, rules and cohorts are read in the background: what is not there yet blocks nothing.

    Args:
        settings: Of the process.
        stores: Where plugins are kept.
        default: The key-auth configuration where no plugin is.
        metrics: Who counts.
    """
    async with (
        MoesifCollector() as collector,
        InstructionBook(
            source=collector, metrics=metrics, store=_store(settings), refuses_header=is_refused
        ) as book,
    ):
        governor = Governor(book=book, metrics=metrics)

        def use(setup: MoesifSetup) -> None:
            governor.configure(
                setup.scopes, credential_names=setup.credential_names, topology=setup.topology
            )

        following = follow_setup(stores, default=default, use=use, followed=lambda _is: None)
        task = start_owned(following, name="governance-setup")
        try:
            yield governor
        finally:
            task.cancel()
            await asyncio.wait((task,))


def _store(settings: Settings) -> InstructionStore:
    return InstructionStore(moesif_folder(settings))
