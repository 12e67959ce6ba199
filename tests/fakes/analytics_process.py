"""Analytics alone, in a process that can be killed: the face, the pipeline, and a disk.

    python -m tests.fakes.analytics_process DIRECTORY ENDPOINT [CONFIG]

It takes access logs on the unix socket ``analytics.sock`` of the directory.  Each line that it
prints says how many entries it has taken, and when: seconds of the monotonic clock.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from analytics.accesslog import serve
from analytics.backoff import Backoff
from analytics.config_fields import parse_moesif_config
from analytics.moesif import MoesifCollector
from analytics.pipeline import Pipeline
from analytics.routing import ScopedConfig
from analytics.shelves import Shelves
from analytics.spool import SpoolLimits
from tests.fakes.counting_metrics import CountingMetrics

_REPORT_SECONDS = 0.01


async def run(directory: Path, endpoint: str, config: dict[str, object]) -> None:
    metrics = CountingMetrics()
    shelves = Shelves(directory, key=bytes(32), limits=SpoolLimits(size=100_000_000, age=3600.0))
    given = {"application_id": "APP", "api_endpoint": endpoint} | config
    async with (
        MoesifCollector() as collector,
        Pipeline(
            collector=collector, metrics=metrics, shelves=shelves, backoff=Backoff(longest=0.2)
        ) as pipeline,
    ):
        pipeline.configure([ScopedConfig(parse_moesif_config(given))], credential_names=[])
        address = f"unix:{directory / 'analytics.sock'}"
        async with serve(address, open_stream=pipeline.open_stream, metrics=metrics):
            while True:
                sys.stdout.write(f"{time.monotonic()} {metrics.entries}\n")
                sys.stdout.flush()
                await asyncio.sleep(_REPORT_SECONDS)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])))
