"""The command line, run in this process: outcomes are compared, not screens."""

import asyncio
import io
import sys

import pytest

from sidecar.cli.program import run_program
from tests.clients.command_line import Failed, Outcome, Tollkeeper


@pytest.fixture
def tollkeeper(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Tollkeeper:
    """Runs the program in a thread: commands bring an event loop of their own."""
    for name in ("TOLLKEEPER_ADMIN_URL", "TOLLKEEPER_CONFIG"):
        monkeypatch.delenv(name, raising=False)

    async def run(*arguments: str, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = await asyncio.to_thread(run_program, arguments)
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def told() -> Failed:
    """Checks that a command ended so, with one line on stderr and nothing else; returns it."""

    def check(outcome: Outcome, code: int) -> str:
        [line] = outcome.err.splitlines()
        assert (outcome.code, outcome.out) == (code, "")
        assert line.startswith("tollkeeper: ")
        return line.removeprefix("tollkeeper: ")

    return check
