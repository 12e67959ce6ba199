"""``python -m bench.analytics``: measures what an entry of the access log costs."""

import argparse
import os
import sys
from pathlib import Path

from bench.analytics.agreement import compare_events
from bench.analytics.measurement import (
    CONTENDERS,
    Plan,
    feed,
    measure,
    running,
    summarize,
    weigh_waiting,
)
from bench.analytics.plugin import APPLICATION_IDS, BATCH_SIZE
from bench.analytics.report import save, show
from bench.compiled import COMPILED, compiled_packages
from bench.processes import started


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.analytics", description=__doc__)
    parser.add_argument("--short", action="store_true", help="3 rounds of 2 s: under a minute")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each contender and round")
    parser.add_argument("--compiled", type=Path, default=COMPILED, help="where that build is")
    options = parser.parse_args()
    compiled, reason = compiled_packages(options.compiled)
    if compiled is None:
        sys.stdout.write(f"Without the compiled contender: {reason}\n")
    plan = Plan(3, 2.0, waiting=20_000) if options.short else Plan(options.rounds, options.seconds)
    with started("collector", "bench.analytics.collector") as collector:
        with running(collector, compiled=compiled) as servers:
            for name, server in servers.items():
                feed(server, name, collector=collector, entries=BATCH_SIZE, streams=1)
            compare_events(
                {APPLICATION_IDS[name]: server for name, server in servers.items()},
                collector=collector,
            )
            runs = measure(servers, plan, collector=collector)
        grown = weigh_waiting(plan, collector=collector, compiled=compiled)
    summaries = {key: summarize(seen) for key, seen in runs.items()}
    show(summaries, grown, names=CONTENDERS, reference="plain")
    saved = save(runs, summaries, grown, plan)
    sys.stdout.write(f"All rounds: {os.path.relpath(saved)}\n")


if __name__ == "__main__":
    main()
