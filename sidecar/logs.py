"""Logs: one line per event on standard output, JSON or text, from structlog and stdlib alike.

What callers can rely on:

1. Every line passes one redaction (``sidecar.redaction``), libraries' lines included.
2. A line is one line: line ends and control characters in values are escaped.
3. Logging never raises, and never shows the local variables of a traceback.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from sidecar.redaction import redact
from sidecar.settings_model import Log

_MAX_FRAMES = 20
# Libraries that say at "info" what is of interest to their own developers, or that log requests
# with their paths, in which a key may stand.
_QUIET = {
    "aiohttp.access": logging.CRITICAL,
    "asyncio": logging.WARNING,
    "grpc": logging.WARNING,
    "asyncpg": logging.WARNING,
}


def configure(
    settings: Log, *, role: str, worker: int | None = None, stream: TextIO | None = None
) -> None:
    """Send all logging of this process to one place, in one form.

    Args:
        settings: How much, and in which form.
        role: What this process is; stands in every line.
        worker: Which one of its role, if there are several.
        stream: Where to; standard output unless given.
    """
    level = logging.getLevelName(settings.level.upper())
    origin = {"role": role, "worker": worker, "pid": os.getpid()}
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                _Origin(origin),
                structlog.processors.ExceptionRenderer(_tracebacks()),
                _redact,
                _RENDERERS[settings.format],
            ],
        )
    )
    logging.raiseExceptions = False
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, least))
    structlog.configure(
        processors=[*shared, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


class _Origin:
    """Adds which process speaks."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = {name: value for name, value in fields.items() if value is not None}

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**self._fields, **event}


def _tracebacks() -> ExceptionDictTransformer:
    # Local variables hold keys.
    return ExceptionDictTransformer(show_locals=False, max_frames=_MAX_FRAMES, use_rich=False)


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return redact(event)


_FIRST = ("ts", "level", "event", "role", "worker", "pid", "logger")


def _in_order(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: event[name] for name in _FIRST if name in event} | dict(event)


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    # Non-ASCII is escaped too: no U+2028 ends a line, no control sequence moves a cursor.
    return json.dumps(_in_order(event), ensure_ascii=True, separators=(",", ":"))


def _as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    fields = _in_order(event)
    exceptions = fields.pop("exception", [])
    head = " ".join(_printable(fields.pop(name, "")) for name in ("ts", "level", "event"))
    tail = " ".join(f"{_printable(name)}={_value(value)}" for name, value in fields.items())
    return "\n".join([f"{head}  {tail}", *_traceback_lines(exceptions)])


def _traceback_lines(exceptions: Any) -> Iterator[str]:
    for each in exceptions:
        yield f"    {_printable(each['exc_type'])}: {_printable(each['exc_value'])}"
        for frame in each["frames"]:
            place = f"{frame['filename']}:{frame['lineno']}"
            yield f"      at {_printable(place)} in {_printable(frame['name'])}"


def _value(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) or _needs_quotes(value) else value


def _needs_quotes(text: str) -> bool:
    return not text or not text.isprintable() or any(each in text for each in ' "=')


def _printable(value: Any) -> str:
    text = str(value)
    return text if text.isprintable() else json.dumps(text)[1:-1]


_RENDERERS: Mapping[str, Processor] = {"json": _as_json, "text": _as_text}
