"""``python -m bench``: measures checks and prints a table."""

import argparse
import os
import sys
from contextlib import ExitStack

from bench.agreement import compare_answers
from bench.measurement import Plan, measure, summarize
from bench.processes import started
from bench.report import save, show

PLAIN = "plain grpc.aio, generated stubs"
CONTENDERS = {
    PLAIN: ("bench.contenders.plain",),
    "tollkeeper, fast lane": ("bench.contenders.tollkeeper", "fastlane"),
    "tollkeeper, grpcio": ("bench.contenders.tollkeeper", "grpcio"),
    "floor of grpc.aio (constant answer)": ("bench.contenders.floor",),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="3 rounds of 2 s: under a minute")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each contender and round")
    options = parser.parse_args()
    plan = Plan(3, 2.0) if options.short else Plan(options.rounds, options.seconds)
    with ExitStack() as running:
        servers = [
            running.enter_context(started(name, *command)) for name, command in CONTENDERS.items()
        ]
        compare_answers(servers)
        runs = measure(servers, plan)
    summaries = {name: summarize(seen) for name, seen in runs.items()}
    show(summaries, reference=PLAIN)
    saved = save(runs, summaries, plan)
    sys.stdout.write(f"All rounds: {os.path.relpath(saved)}\n")


if __name__ == "__main__":
    main()
