"""A log line is one line, in one form, without secrets, whoever writes it."""

import io
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from sidecar import logs
from sidecar.secret import Secret
from sidecar.settings import Log

CANARY = "canary4711"
Lines = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs._QUIET}
    yield
    logging.captureWarnings(capture=False)
    logging.raiseExceptions = True
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def configured(**settings: Any) -> Lines:
    stream = io.StringIO()
    logs.configure(Log(**settings), role="authsvc", worker=2, stream=stream)
    return lambda: stream.getvalue().splitlines()


def fail(text: str) -> None:
    password = CANARY  # a local variable, which no traceback may show
    raise ValueError(text + password[:0])


def test_a_line_is_json_and_says_when_what_and_who() -> None:
    lines = configured()
    structlog.get_logger("authsvc.cache").info("key forgotten", credential_id="c1")
    [line] = map(json.loads, lines())
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "event": "key forgotten",
        "role": "authsvc",
        "worker": 2,
        "pid": os.getpid(),
        "logger": "authsvc.cache",
        "credential_id": "c1",
    }


def test_libraries_speak_in_the_same_form() -> None:
    lines = configured()
    logging.getLogger("asyncpg.pool").error("lost %s", "it")
    [line] = map(json.loads, lines())
    assert (line["level"], line["event"], line["logger"]) == ("error", "lost it", "asyncpg.pool")


def test_warnings_are_lines_too() -> None:
    lines = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "DeprecationWarning: old" in json.loads(lines()[0])["event"]


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    "write",
    [
        lambda: structlog.get_logger().error("x", key=CANARY),
        lambda: structlog.get_logger().error("x", value=Secret(CANARY)),
        lambda: structlog.get_logger().error("x", url=f"postgresql://u:{CANARY}@h"),
        lambda: structlog.get_logger().error(f"postgresql://u:{CANARY}@h"),
        lambda: logging.getLogger("x").error("%s", f"postgresql://u:{CANARY}@h"),
        lambda: logging.getLogger("x").error("x", extra={"password": CANARY}),
    ],
    ids=["by name", "by type", "by shape", "in the event", "of a library", "beside it"],
)
def test_no_line_shows_a_secret(form: str, write: Callable[[], None]) -> None:
    lines = configured(format=form)
    write()
    [line] = lines()
    assert CANARY not in line


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("logger", [structlog.get_logger, logging.getLogger])
def test_an_exception_tells_where_but_neither_secrets_nor_variables(
    form: str, logger: Callable[[str], Any]
) -> None:
    lines = configured(format=form)
    try:
        fail(f"bad\npostgresql://u:{CANARY}@h")
    except ValueError:
        logger("x").exception("failed")
    text = "\n".join(lines())
    assert "ValueError" in text
    assert "test_logs.py" in text
    assert CANARY not in text


def test_an_exception_is_a_field_of_its_line() -> None:
    lines = configured()
    try:
        fail("bad")
    except ValueError:
        structlog.get_logger().exception("failed")
    [line] = map(json.loads, lines())
    [exception] = line["exception"]
    assert (exception["exc_type"], exception["exc_value"]) == ("ValueError", "bad")
    assert exception["frames"][-1]["name"] == "fail"
    assert all(set(frame) == {"filename", "lineno", "name"} for frame in exception["frames"])


FORGERIES = ['x\n{"level":"info"}', "x\r\ny", "x\x1b[2Jy", "x\u2028y", "x\x85y", "x\x00y"]


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("forgery", FORGERIES, ids=range(len(FORGERIES)))
def test_no_value_ends_a_line_or_moves_a_cursor(form: str, forgery: str) -> None:
    lines = configured(format=form)
    structlog.get_logger(forgery).info(forgery, field=forgery, **{forgery: 1})
    [line] = lines()
    assert line.isprintable()


def test_no_message_of_an_exception_forges_a_line_of_text() -> None:
    lines = configured(format="text")
    try:
        fail("bad\n2026-01-01T00:00:00Z info forged")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert not [line for line in lines()[1:] if not line.startswith("    ")]


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
@pytest.mark.parametrize("logger", [structlog.get_logger, logging.getLogger])
def test_only_what_is_important_enough_is_written(
    level: str, written: list[str], logger: Callable[[str], Any]
) -> None:
    lines = configured(level=level)
    for each in ("debug", "info", "warning", "error"):
        getattr(logger("x"), each)("event")
    assert [json.loads(line)["level"] for line in lines()] == written


def test_libraries_that_log_requests_stay_quiet() -> None:
    lines = configured(level="debug")
    logging.getLogger("aiohttp.access").error("GET /?apikey=%s", CANARY)
    logging.getLogger("grpc._cython").info("noise")
    assert not lines()


def test_a_line_that_cannot_be_formatted_stops_nobody() -> None:
    lines = configured()
    logging.getLogger("x").error("%s %s", "one")  # noqa: PLE1206 - the mistake that is meant
    structlog.get_logger().info("next")
    assert json.loads(lines()[-1])["event"] == "next"
