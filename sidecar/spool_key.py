"""Where events wait on disk, and the key that they are sealed under there.

The key is made when there is none, and never leaves the data directory: it guards against whoever
gets hold of the spool's files alone, a backup or a disk.  Whoever loses it loses what waits.
"""

import base64
import binascii
import os
import secrets
from contextlib import suppress
from pathlib import Path

import structlog

from analytics.metrics import AnalyticsMetrics, SpoolFault
from analytics.shelves import Shelves
from analytics.spool import SpoolLimits
from analytics.spool_cipher import KEY_LENGTH
from sidecar.settings_model import Settings

NAME = "spool.key"
_MAX_BYTES = 4096
_HOUR = 3600.0  # seconds

_log = structlog.get_logger(__name__)


def open_shelves(settings: Settings, metrics: AnalyticsMetrics) -> Shelves:
    """Return where events wait; in memory only, if the data directory cannot be used."""
    directory = Path(settings.data_dir)
    limits = SpoolLimits(
        size=settings.analytics.spool_max_bytes, age=settings.analytics.spool_max_age_hours * _HOUR
    )
    try:
        return Shelves(directory, key=read_or_generate(directory), limits=limits)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        _log.error("events wait in memory only: the data directory cannot be used", why=why)
        metrics.spool_failed(SpoolFault.OPEN)
        return Shelves.without_disk()


def read_or_generate(data_dir: Path) -> bytes:
    """Return the key in the data directory; make one if there is none.

    Raises:
        OSError: It cannot be read or written.
        ValueError: The file does not hold a key.
    """
    path = data_dir / NAME
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        _generate(path)
    try:
        key = base64.b64decode(path.read_bytes()[:_MAX_BYTES].strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_LENGTH:
        raise ValueError(f"{path} does not hold {KEY_LENGTH} bytes, base64-encoded")
    return key


def _generate(path: Path) -> None:
    """Write a new key. The file is there whole or not at all."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_LENGTH)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: its key counts
            os.link(draft, path)
    finally:
        draft.unlink()
