"""One role in a process of its own, run by the supervisor; ``sidecar.role_process`` starts it.

What the supervisor can rely on:

1. The process serves until SIGTERM, SIGINT, or the end of the control socket; then it drains.
2. Without its parent it is gone soon after ``DRAIN_SECONDS``, even if it hangs.
3. It reports its checks each second while it serves, and tells why it cannot go on.
"""

import asyncio
import contextlib
import ctypes
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog
import uvloop

from sidecar import logs
from sidecar.control import DRAIN_SECONDS, ChildEnd, ChildSpec, Failure, Report
from sidecar.declarative.editions import Declarations
from sidecar.declarative.handed_down import HandedDown
from sidecar.failures import FAILED, MISCONFIGURED, explain
from sidecar.stopping import Stop, signals
from sidecar.telemetry import Telemetry

REPORT_SECONDS = 1.0
_CHECK_SECONDS = 2.0
ORPHAN_SECONDS = max(DRAIN_SECONDS.values()) + 2.0
_PR_SET_PDEATHSIG = 1

_log = structlog.get_logger(__name__)


class RunningRole(Protocol):
    """A role that serves."""

    async def checks(self) -> Mapping[str, bool]:
        """Return what the role needs to serve, by name, and whether it has it. Never raises."""


class OpenRole(Protocol):
    """Opens a role: ``sidecar.app.open_role``. It serves inside the context, and drains at its end.

    Every error that ``sidecar.failures`` explains ends the program with one line.
    """

    def __call__(
        self, spec: ChildSpec, *, telemetry: Telemetry, declarations: Declarations | None
    ) -> AbstractAsyncContextManager[RunningRole]:
        """Open the role that the spec says.

        ``declarations`` are what it goes by; None: a database.
        """


def main(
    arguments: Sequence[str], *, open_role: OpenRole, orphan_seconds: float = ORPHAN_SECONDS
) -> int:
    """Be the role that the parent says; return the exit code.

    Args:
        arguments: The descriptor of the control socket.
        open_role: Opens the role.
        orphan_seconds: After the parent's end the process is gone within these, whatever hangs.
    """
    _die_with_parent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_live(int(arguments[0]), open_role, orphan_seconds))


async def serve(
    spec: ChildSpec,
    *,
    open_role: OpenRole,
    telemetry: Telemetry,
    stop: Stop,
    report: "Reporter",
    again: Callable[[], object] | None = None,
    declarations: Declarations | None = None,
) -> None:
    """Open a role, report its checks each second, and drain it when asked to stop.

    Args:
        spec: What the role is.
        open_role: Opens it.
        telemetry: What it counts with.
        stop: Asks it to stop.
        report: Takes its checks.
        again: What to do when asked a second time.
        declarations: What it goes by where there is no database.
    """
    async with open_role(spec, telemetry=telemetry, declarations=declarations) as role:
        stop.serving(again=again)
        _log.info("serving")
        while not stop.asked:
            report(await _checks_of(role))
            await stop.wait(REPORT_SECONDS)
        _log.info("draining")
    _log.info("drained")


class Reporter(Protocol):
    """Takes a role's checks, each second."""

    def __call__(self, checks: Mapping[str, bool], /) -> None:
        """Take them. Must not block."""


async def _live(descriptor: int, open_role: OpenRole, orphan_seconds: float) -> int:
    channel = await ChildEnd.open(descriptor)
    stop = Stop()
    with signals(stop):
        _watch_parent(descriptor, stop, orphan_seconds)
        spec = await channel.receive()
        if spec is None:
            return FAILED
        logs.configure(spec.settings.log, role=spec.role, worker=spec.worker)
        try:
            return await _be(spec, channel=channel, stop=stop, open_role=open_role)
        finally:
            await channel.close()


async def _be(spec: ChildSpec, *, channel: ChildEnd, stop: Stop, open_role: OpenRole) -> int:
    def report(checks: Mapping[str, bool]) -> None:
        channel.say(Report(checks=dict(checks)))

    telemetry = Telemetry.of_child(spec.name) if spec.metrics_dir else Telemetry.alone()
    handed_down = HandedDown(channel)
    # Also without declarations: whoever reads to the end notices the end.
    listening = asyncio.create_task(handed_down.listen(), name="orders")
    work = serve(
        spec,
        open_role=open_role,
        telemetry=telemetry,
        stop=stop,
        report=report,
        declarations=handed_down if spec.settings.database.is_off else None,
    )
    try:
        await stop.run(work)
    except Exception as error:  # noqa: BLE001 - the outermost boundary of the process
        return _confess(error, channel)
    finally:
        listening.cancel()
    return 0


def _confess(error: Exception, channel: ChildEnd) -> int:
    explanation = explain(error)
    if explanation is None:
        _log.error("role failed", exc_info=error)
        return FAILED
    _log.error("role cannot go on", why=explanation.text)
    misconfigured = explanation.exit_code == MISCONFIGURED
    channel.say(Failure(message=explanation.text, configuration=misconfigured))
    return explanation.exit_code


async def _checks_of(role: RunningRole) -> Mapping[str, bool]:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await role.checks()
    except TimeoutError:
        return {"responsive": False}


def _watch_parent(descriptor: int, stop: Stop, orphan_seconds: float) -> None:
    """Ask to stop when the parent has gone, and end the process if it then does not."""
    loop = asyncio.get_running_loop()
    # A thread, because a loop that hangs would not notice; a duplicate, because the loop closes
    # the original.
    end = os.dup(descriptor)

    def watch() -> None:
        poll = select.poll()
        poll.register(end, select.POLLRDHUP)
        poll.poll()
        with contextlib.suppress(RuntimeError):  # the loop has ended: so will the process
            loop.call_soon_threadsafe(stop.ask)
        time.sleep(orphan_seconds)
        os._exit(FAILED)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _die_with_parent() -> None:
    # The second leash beside the control socket, and there before it is read.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
