"""Tollkeeper's access log face, pipeline and delivery, with a configured moesif plugin.

Every batch goes to disk as well, as in the product.  Arguments: the collector's port, and which
contender this is.
"""

import sys
import tempfile
from pathlib import Path

import uvloop

from analytics import accesslog
from analytics.config_fields import parse_moesif_config
from analytics.moesif import MoesifCollector
from analytics.pipeline import Pipeline
from analytics.routing import ScopedConfig
from analytics.shelves import Shelves
from analytics.spool import SpoolLimits
from bench.analytics.plugin import APPLICATION_IDS, configuration
from bench.contenders.serving import announce_and_wait, run
from sidecar.analytics_metrics import AnalyticsCounters
from sidecar.telemetry import Telemetry

_LIMITS = SpoolLimits(size=2**30, age=3600.0)


async def serve() -> None:
    """Serve until standard input ends."""
    metrics = Telemetry.of_child("bench").counting(AnalyticsCounters)
    config = configuration(APPLICATION_IDS[sys.argv[2]], collector_port=int(sys.argv[1]))
    with tempfile.TemporaryDirectory() as directory:
        shelves = Shelves(Path(directory), key=bytes(32), limits=_LIMITS)
        async with (
            MoesifCollector() as collector,
            Pipeline(collector=collector, metrics=metrics, shelves=shelves) as pipeline,
        ):
            scope = ScopedConfig(parse_moesif_config(config))
            pipeline.configure([scope], credential_names=["apikey"])
            async with accesslog.serve(
                "127.0.0.1:0", open_stream=pipeline.open_stream, metrics=metrics
            ) as address:
                await announce_and_wait(int(address.rpartition(":")[2]))


if __name__ == "__main__":
    run(serve, runner=uvloop.run)
