"""What the configuration says of a delivery."""

from dataclasses import dataclass

from analytics.collector import Target
from analytics.event_queue import QueueLimits


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How the events of one application id are queued and sent.

    At most ``max_rate`` events go in a second; None: as many as the collector takes.
    """

    target: Target
    limits: QueueLimits
    compress: bool
    max_rate: int | None = None
