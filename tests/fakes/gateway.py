"""A real Envoy in front of an echo, with an ext_authz server and a log sink of the test's."""

from dataclasses import dataclass
from typing import Any, Protocol

from sidecar.envoy_process import Envoy
from tests.fakes.check_service import CheckService
from tests.fakes.log_service import LogService


@dataclass
class Gateway:
    """``port`` is where clients connect."""

    port: int
    envoy: Envoy
    checks: CheckService
    log: LogService


class StartGateway(Protocol):
    """Starts Envoy with a plan whose fields the arguments replace; its upstream is ``echo``.

    ``write`` makes the configuration's YAML of the plan.
    """

    async def __call__(self, **changes: Any) -> Gateway: ...
