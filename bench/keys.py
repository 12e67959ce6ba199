"""``python -m bench.keys``: very many keys, few of them hot, and a flood of keys that do not exist.

The product runs as its command line starts it, with one worker, on an embedded Postgres.  Printed
are what the worker holds, how soon it is ready and knows which keys there are, how many first uses
it serves a second, the share of keys that it finds in memory, and how long known keys wait alone
and beside a flood: of other known keys, and of unknown ones.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from socket import socket
from statistics import median

import msgspec

from authsvc.root_key import RootKey
from bench.key_population import populate
from bench.key_worker import WITHIN, Plan, Subject, answers_in, page_of, rate_of, window_of
from bench.machine import Machine, look_at_machine
from bench.processes import SERVER_CORE, cores_of, cpu_seconds, move
from bench.worker_memory import Memory, running, worker_of
from sidecar.embedded_postgres import EmbeddedPostgres

RESULTS = Path(__file__).parent / "results"
_POLL = 0.02  # seconds
ALONE, BESIDE_KNOWN, BESIDE_UNKNOWN = "alone", "beside known keys", "beside unknown keys"
SCENES = (ALONE, BESIDE_KNOWN, BESIDE_UNKNOWN)
_COUNTED_WITHIN = 2.0  # seconds: counts are written a moment later


class Round(msgspec.Struct, frozen=True):
    """One stretch of load on known keys."""

    scene: str
    answers_per_second: float
    p50_ms: float
    p99_ms: float
    flood_per_second: float
    cpu_us_per_check: float  # of the worker, the flood's checks included


class Findings(msgspec.Struct, frozen=True):
    """What was seen; the rounds with all that followed from them."""

    machine: Machine
    keys: int
    hot: int
    ready_seconds: float
    known_seconds: float
    start_mib: float
    known_mib: float
    hot_mib: float
    first_uses_per_second: float
    hit_ratio: float
    asked_of_database_in_flood: int
    unknown_per_second: float
    unknown_cpu_us: float
    rounds: list[Round]

    def p99(self, scene: str) -> float:
        """Return the median of a scene's rounds, in milliseconds."""
        return median(each.p99_ms for each in self.rounds if each.scene == scene)


async def run(plan: Plan) -> Findings:
    """Measure."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        async with EmbeddedPostgres(folder / "data") as url:
            root_key = RootKey.generate_base64()
            began = time.perf_counter()
            await populate(url, root_key=RootKey.from_base64(root_key), keys=plan.keys)
            say("keys written", f"{plan.keys:,} in {time.perf_counter() - began:.0f} s")
            (folder / "root.key").write_text(root_key)
            (folder / "root.key").chmod(0o600)
            return await watch(folder, url, plan)


async def watch(folder: Path, url: str, plan: Plan) -> Findings:
    """Start the product, and measure its worker."""
    port = _free_port()
    began = time.perf_counter()
    with running(os.environ | _settings(folder, url, port)) as product:
        subject = Subject(
            await worker_of(product), folder, f"http://127.0.0.1:{port}/metrics", plan
        )
        move(subject.pid, cores_of(SERVER_CORE))
        await asyncio.to_thread(
            _wait_until, lambda: "ok" in page_of(f"http://127.0.0.1:{port}/readyz")
        )
        ready, start = time.perf_counter() - began, Memory.of(subject.pid).rss
        say("ready", f"{ready:.1f} s after the start; RSS {start:.0f} MiB")
        await asyncio.to_thread(
            _wait_until, lambda: subject.metric("tollkeeper_known_keys") == plan.keys
        )
        known, known_mib = time.perf_counter() - began, Memory.of(subject.pid).rss
        say("all keys known", f"{known:.1f} s after the start; RSS {known_mib:.0f} MiB")
        return await asyncio.to_thread(measure, subject, (ready, known), (start, known_mib))


def measure(
    subject: Subject, seconds: tuple[float, float], memory: tuple[float, float]
) -> Findings:
    """Load the worker in every way."""
    plan = subject.plan
    unknown_rate, unknown_cpu, asked = flood(subject)
    say("unknown keys refused", f"{unknown_rate:,.0f} a second, {unknown_cpu:.0f} us of CPU each")
    say("asked of the database", f"{asked} times meanwhile")
    first = rate_of(subject.load("first", "--once"))
    hot_mib = Memory.of(subject.pid).rss
    say("first uses", f"{first:,.0f} a second; then RSS {hot_mib:.0f} MiB with {plan.hot:,} hot")
    before = subject.lookups()
    rounds = [
        play(subject, scene)
        for number in range(plan.rounds)
        for scene in (SCENES if number % 2 == 0 else reversed(SCENES))
    ]
    time.sleep(_COUNTED_WITHIN)
    found = {kind: now - before[kind] for kind, now in subject.lookups().items()}
    return Findings(
        machine=look_at_machine(),
        keys=plan.keys,
        hot=plan.hot,
        ready_seconds=seconds[0],
        known_seconds=seconds[1],
        start_mib=memory[0],
        known_mib=memory[1],
        hot_mib=max(hot_mib, Memory.of(subject.pid).rss),
        first_uses_per_second=first,
        hit_ratio=found["hit"] / (found["hit"] + found["miss"]),
        asked_of_database_in_flood=asked,
        unknown_per_second=unknown_rate,
        unknown_cpu_us=unknown_cpu,
        rounds=rounds,
    )


def flood(subject: Subject) -> tuple[float, float, int]:
    """Send unknown keys alone; return their rate, CPU time of each, and how many were asked for."""
    before, cpu = subject.lookups(), cpu_seconds(subject.pid)
    log = subject.load("unknown", "--unknown", "--seconds", str(subject.plan.seconds))
    burnt = cpu_seconds(subject.pid) - cpu
    time.sleep(_COUNTED_WITHIN)
    asked = subject.lookups()["miss"] - before["miss"]
    return rate_of(log), burnt / answers_in(log) * 1e6, int(asked)


def play(subject: Subject, scene: str) -> Round:
    """Load the worker with known keys, alone or beside something."""
    flags = {ALONE: None, BESIDE_KNOWN: (), BESIDE_UNKNOWN: ("--unknown",)}[scene]
    timed = ("--seconds", str(subject.plan.seconds))
    flooded, answers, cpu = 0.0, 0, cpu_seconds(subject.pid)
    if flags is None:
        log = subject.load("known", *timed)
    else:
        with subject.loaded("beside", *flags) as beside:
            log = subject.load("known", *timed)
        flooded, answers = rate_of(beside), answers_in(beside)
    burnt = cpu_seconds(subject.pid) - cpu
    window = window_of(log)
    return Round(
        scene=scene,
        answers_per_second=rate_of(log),
        p50_ms=window.latencies.p50 * 1e3,
        p99_ms=window.latencies.p99 * 1e3,
        flood_per_second=flooded,
        cpu_us_per_check=burnt / (answers + answers_in(log)) * 1e6,
    )


def show(findings: Findings) -> None:
    """Print what the rounds say."""
    say("hit ratio", f"{findings.hit_ratio:.2%} of look-ups, one key of 100 not hot")
    alone = findings.p99(ALONE)
    for scene in SCENES:
        rounds = [each for each in findings.rounds if each.scene == scene]
        rate = median(each.answers_per_second for each in rounds)
        flooded = median(each.flood_per_second for each in rounds)
        cpu = median(each.cpu_us_per_check for each in rounds)
        p99 = findings.p99(scene)
        say(
            f"known keys {scene}",
            f"{rate:,.0f} a second at {cpu:.0f} us of CPU, p99 {p99:.2f} ms,"
            f" {p99 / alone:.2f} of alone"
            + (f"; beside them {flooded:,.0f} a second" if flooded else ""),
        )
    harm = findings.p99(BESIDE_UNKNOWN) / findings.p99(BESIDE_KNOWN)
    say("p99 beside unknown keys", f"{harm:.2f} of that beside as many connections of known ones")


def save(findings: Findings) -> Path:
    """Write down everything; return where."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"keys-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(findings)))
    return path


def say(what: str, seen: str) -> None:
    """Print one line."""
    print(f"{what:<34} {seen}", flush=True)


def _settings(folder: Path, url: str, port: int) -> dict[str, str]:
    return {
        "TOLLKEEPER_DATA_DIR": str(folder),
        "TOLLKEEPER_DATABASE__URL": url,
        "TOLLKEEPER_KEYRING__ROOT_KEY_FILE": str(folder / "root.key"),
        "TOLLKEEPER_AUTHSVC__GRPC": f"unix:{folder}/checks.sock",
        "TOLLKEEPER_AUTHSVC__HTTP": "null",
        "TOLLKEEPER_ANALYTICS__GRPC": "null",
        "TOLLKEEPER_ADMIN__LISTEN": "null",
        "TOLLKEEPER_DIAGNOSTICS__LISTEN": f"127.0.0.1:{port}",
        "TOLLKEEPER_LOG__LEVEL": "warning",
    }


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("waited in vain")
        time.sleep(_POLL)


def _free_port() -> int:
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.keys", description=__doc__)
    parser.add_argument("--short", action="store_true", help="50,000 keys, 5,000 hot, 3 rounds")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--hot", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each scene and round")
    options = parser.parse_args()
    plan = Plan(options.keys, min(options.hot, options.keys), options.rounds, options.seconds)
    findings = asyncio.run(run(Plan(50_000, 5_000, 3, 2.0) if options.short else plan))
    show(findings)
    say("everything", os.path.relpath(save(findings)))


if __name__ == "__main__":
    main()
