"""Where the analytics process shows events live, and that it does."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog

from analytics.errors import ListenError
from analytics.tail import Tail
from analytics.tail_socket import serve_tail
from sidecar.settings_model import Settings

_log = structlog.get_logger(__name__)


def tail_path(settings: Settings) -> Path:
    """Return the path of the socket that ``tollkeeper analytics tail`` connects to."""
    return Path(settings.data_dir) / "analytics-tail.sock"


@asynccontextmanager
async def shown_tail(settings: Settings) -> AsyncIterator[Tail]:
    """Yield what viewers can watch until left; where they cannot, analytics does without them."""
    tail = Tail()
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(serve_tail(tail_path(settings), tail))
        except ListenError as error:
            _log.warning("nobody can watch events live", why=str(error))
        yield tail
