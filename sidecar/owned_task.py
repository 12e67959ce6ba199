"""Tasks that go on until their owner ends them: one that ends by itself is told of."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

_log = structlog.get_logger(__name__)


def start_owned(work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
    """Start a task for somebody who cancels it in the end; a fault in it is logged at once.

    (Else the fault is known when the task is collected, which is when the process ends.)
    """
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a task of this process ended by itself", task=task.get_name(), exc_info=error)
