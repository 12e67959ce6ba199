"""Ends the demo with whoever started it: a killed ``make`` leaves nothing behind."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watching_parent(gone: Callable[[], None]) -> Iterator[None]:
    """Call ``gone`` once if the parent process ends inside the context."""
    parent = os.getppid()
    try:
        # By the process and not, as PR_SET_PDEATHSIG, by the thread of it that started us.
        descriptor = os.pidfd_open(parent)
    except OSError:  # none that can be seen: we are the first of a container
        yield
        return
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(descriptor)
        gone()

    loop.add_reader(descriptor, ended)
    try:
        if os.getppid() != parent:  # it ended before it was looked at
            gone()
        yield
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
