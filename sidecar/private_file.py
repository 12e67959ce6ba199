"""Files for nobody but their owner: 0600 from their first byte on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def write_private(path: Path, text: str) -> None:
    """Write a new file.

    Raises:
        OSError: It is there already, or cannot be written.
    """
    with _new(path) as file:
        file.write(text)


@contextmanager
def replacing_private(path: Path) -> Iterator[TextIO]:
    """Write a file that takes the path's place at the end of the context, if that is no error.

    Until then, and in case of an error, whatever was there stays as it was.

    Raises:
        OSError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)  # a leftover of a process of this id
    try:
        with _new(draft) as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _new(path: Path) -> Iterator[TextIO]:
    descriptor = os.open(path, _NEW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
