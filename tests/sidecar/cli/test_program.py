"""How the program ends: exit codes, and one line for whatever the user can mend."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from sidecar.cli import program
from sidecar.cli.program import _COMMANDS
from tests.clients.command_line import Failed, Tollkeeper

TOLLKEEPER = str(Path(sys.executable).with_name("tollkeeper"))

MISUSED = {
    "an unknown command": ["nope"],
    "an unknown option": ["run", "--nope"],
    "an unknown role": ["run", "--role", "nope"],
    "a missing argument": ["keys", "create"],
    "too many arguments": ["migrate", "now"],
    "an unknown format": ["consumers", "list", "--output", "xml"],
    "no file of settings": ["config", "check", "--config", "/nowhere/at/all"],
}


@pytest.mark.parametrize("case", MISUSED)
async def test_wrong_usage_is_one_line_and_2(
    tollkeeper: Tollkeeper, told: Failed, case: str
) -> None:
    assert told(await tollkeeper(*MISUSED[case]), 2)


async def test_wrong_usage_says_where_to_read_on(tollkeeper: Tollkeeper, told: Failed) -> None:
    assert told(await tollkeeper("run", "--nope"), 2).endswith("(see tollkeeper run --help)")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], ["run", "--help"]])
async def test_asking_for_help_or_the_version_is_fine(
    tollkeeper: Tollkeeper, arguments: list[str]
) -> None:
    outcome = await tollkeeper(*arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out


async def test_without_a_command_it_helps_and_fails(tollkeeper: Tollkeeper) -> None:
    outcome = await tollkeeper()
    assert (outcome.code, outcome.out) == (2, "")
    assert "migrate" in outcome.err


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_is_there_and_helps(name: str) -> None:
    module, _, attribute = _COMMANDS[name].target.partition(":")
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


async def test_what_nobody_foresaw_is_a_traceback(
    tollkeeper: Tollkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(program.program, "main", fault)
    with pytest.raises(ZeroDivisionError):
        await tollkeeper("run")


@pytest.mark.parametrize("error", [click.Abort, KeyboardInterrupt])
async def test_an_interrupt_is_a_failure_without_a_traceback(
    tollkeeper: Tollkeeper,
    told: Failed,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(program.program, "main", interrupted)
    assert told(await tollkeeper("run"), 1) == "interrupted"


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from sidecar.cli.program import run_program; run_program(['--help']);"
        "heavy = {'aiohttp', 'grpc', 'asyncpg', 'cryptography', 'yaml', 'structlog'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [["config", "show"], ["--help"]])
def test_a_reader_who_leaves_is_no_fault(arguments: list[str]) -> None:
    with subprocess.Popen(
        [TOLLKEEPER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_the_console_script_ends_with_the_code() -> None:
    failed = subprocess.run([TOLLKEEPER, "nope"], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == "tollkeeper: No such command 'nope'. (see tollkeeper --help)\n"
