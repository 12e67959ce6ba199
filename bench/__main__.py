"""``python -m bench``: measures checks, directly and through Envoy; prints tables, draws a plot."""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from bench import h2load
from bench.agreement import DisagreementError, compare_answers, compare_callers, compare_http
from bench.compiled import COMPILED, compiled_packages
from bench.direct import direct_scenes
from bench.figures import Figures
from bench.gateway import ALL_SETUPS, SHORT_SETUPS, Setup, gateway_scenes
from bench.goals import judge
from bench.machine import Machine, look_at_machine
from bench.measurement import Stretch, Timing, WrongAnswersError
from bench.plot import draw
from bench.processes import Server, started_together
from bench.real_worker import resident_mb
from bench.report import save, show_lines, show_scene, show_verdicts
from bench.roster import CONTENDERS, Contender, Face
from bench.scenes import Scene, play
from sidecar.errors import StartupError


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, and what: all scenes, or (``is_short``) those that matter most."""

    rounds: int
    timing: Timing
    setups: tuple[Setup, ...]
    is_short: bool = False


_INTERRUPTED = 130  # as a shell has it for Ctrl-C
_FAILURES = (
    WrongAnswersError,
    DisagreementError,
    StartupError,
    RuntimeError,
    TimeoutError,
    ValueError,
)
_WARM_UP = 0.5  # seconds
_SHORT = Plan(2, Timing(0.4, 0.1), SHORT_SETUPS, is_short=True)


def tell(text: str) -> None:
    """Say how far it is; tables go to standard output."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def roster(compiled: Path) -> dict[str, Contender]:
    """Return who takes part: the compiled build only where there is one."""
    packages, reason = compiled_packages(compiled)
    taking_part = {}
    for name, contender in CONTENDERS.items():
        if not contender.is_compiled:
            taking_part[name] = contender
        elif packages is not None:
            command = replace(contender.command, packages=packages)
            taking_part[name] = replace(contender, command=command)
        else:
            tell(f"left out: {name}: {reason}")
    return taking_part


async def check_agreement(servers: Mapping[str, Server]) -> None:
    """Hold the answers of all servers against each other.

    Raises:
        DisagreementError: One answers differently.
    """
    # Those that are measured side by side; the edge cache's server says more, to Envoy.
    alone = [name for name, each in CONTENDERS.items() if each.is_alone and name in servers]
    await compare_answers([servers[name] for name in alone if CONTENDERS[name].face is Face.GRPC])
    for name, server in servers.items():
        if CONTENDERS[name].face is Face.HTTP:
            await compare_http(server)
        elif not CONTENDERS[name].is_constant:
            await compare_callers(server)
    tell("all contenders answer the same")


async def run(
    plan: Plan, compiled: Path
) -> tuple[list[Scene], dict[str, dict[str, list[Stretch]]]]:
    """Start everything, measure, stop everything; return the scenes, and what was seen in them."""
    async with AsyncExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="bench-envoys-")))
        commands = {name: each.command for name, each in roster(compiled).items()}
        servers = running.enter_context(started_together(commands))
        await check_agreement(servers)
        played = await direct_scenes(servers, is_short=plan.is_short)
        seen = await play(played, rounds=plan.rounds, timing=plan.timing, tell=tell)
        if not h2load.is_here():
            tell(f"left out: everything through Envoy: {h2load.MISSING}")
            return played, seen
        scenes = await running.enter_async_context(
            gateway_scenes(servers, plan.setups, folder=folder)
        )
        seen |= await play(scenes, rounds=plan.rounds, timing=plan.timing, tell=tell)
        return [*played, *scenes], seen


def main() -> int:
    """Run; return the status to end with: 1 if a contender answered wrongly or did not run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="under a minute; a line for each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each contender and round")
    parser.add_argument("--compiled", type=Path, default=COMPILED, help="the compiled build")
    options = parser.parse_args()
    plan = Plan(options.rounds, Timing(options.seconds, _WARM_UP), ALL_SETUPS)
    plan = _SHORT if options.short else plan
    # As Ctrl-C: whatever was started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    machine = look_at_machine()
    tell(machine.line)
    try:
        scenes, seen = asyncio.run(run(plan, options.compiled))
    except (*_FAILURES, ExceptionGroup) as failed:
        for error in leaves(failed):
            if not isinstance(error, _FAILURES):
                raise
            tell(f"the bench ends: {error}")
        return 1
    except KeyboardInterrupt:
        tell("the bench was stopped")
        return _INTERRUPTED
    if not plan.is_short:
        tell("what a worker of the product holds is measured")
    worker_mb = None if plan.is_short else resident_mb()
    report(scenes, Figures.of(seen, worker_mb=worker_mb), seen, plan=plan, machine=machine)
    return 0


def report(
    scenes: Sequence[Scene],
    figures: Figures,
    seen: Mapping[str, Mapping[str, Sequence[Stretch]]],
    *,
    plan: Plan,
    machine: Machine,
) -> None:
    """Save what was seen, print it, draw it."""
    verdicts = list(judge(figures))
    saved = save(seen, figures, machine=machine, plan=plan, verdicts=verdicts)
    for scene in [] if plan.is_short else scenes:
        show_scene(scene, figures)
    show_lines(figures)
    show_verdicts(verdicts)
    drawn = draw(figures, machine=machine, path=saved.with_suffix(".png"))
    sys.stdout.write(f"All rounds: {os.path.relpath(saved)}\nPlot: {os.path.relpath(drawn)}\n")


def leaves(error: Exception) -> Iterator[Exception]:
    """Yield an error, or those in a group, whatever groups they are in."""
    if isinstance(error, ExceptionGroup):
        for each in error.exceptions:
            yield from leaves(each)
    else:
        yield error


if __name__ == "__main__":
    sys.exit(main())
