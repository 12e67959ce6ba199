"""What the Admin API says about itself: ``/``, ``/status``, ``/timers`` and ``/endpoints``."""

import asyncio
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from authsvc.errors import StoreUnavailableError
from authsvc.store import Stores
from sidecar.admin.arguments import Arguments, printable
from sidecar.admin.call import Call, Handler, Reply
from sidecar.admin.numerals import parse_number
from sidecar.admin.operation import Operation
from sidecar.admin.plugin_configs import PRIORITIES
from sidecar.admin.problems import plain
from sidecar.admin.read_only import Configuration
from sidecar.admin.roles import READABLE
from sidecar.admin.routing import Endpoint

KONG_VERSION = "3.9.1"
"""The Kong whose API this is: clients look at the version to know what they may ask for."""

_DATABASE_LIMIT = 2.0  # seconds that the database has to answer in
_PLUGINS_AT_A_TIME = 1000
_UNITS = {"k": ("KiB", 2**10), "m": ("MiB", 2**20), "g": ("GiB", 2**30)}
_MAX_SCALE = 20  # digits
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Traffic:
    """How many requests there were, and how many are being answered."""

    total: int = 0
    active: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The process that answers. ``configuration`` is shown: no secrets, no paths of them."""

    id: str
    hostname: str
    version: str
    configuration: Mapping[str, Any]


def describe_node(configuration: Mapping[str, Any] | None = None) -> Node:
    """Return what there is to say of this process; ``configuration`` is shown to clients."""
    return Node(
        id=str(uuid4()),
        hostname=platform.node(),
        version=version("tollkeeper"),
        configuration=configuration or {"database": "postgres"},
    )


class Information:
    """Answers questions about the node."""

    def __init__(
        self,
        *,
        node: Node | None,
        stores: Stores,
        traffic: Traffic,
        configuration: Configuration | None = None,
    ) -> None:
        self._configuration = configuration
        self._node = node or describe_node({"database": "off"} if configuration else None)
        self._stores = stores
        self._traffic = traffic

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints ``/``, ``/status`` and ``/timers``."""
        return [
            _read_only("/", self._root, "Show what this is."),
            _read_only("/status", self._status, "Show how it does.", "unit", "scale"),
            _read_only("/timers", self._timers, "Show the timers, of which there are none."),
        ]

    @staticmethod
    def index(endpoints: Iterable[Endpoint]) -> Endpoint:
        """Return the endpoint ``/endpoints``, which lists these."""
        paths = sorted(endpoint.template.split("/") for endpoint in endpoints)
        body = {"data": ["/".join(path) for path in paths]}

        async def read(_call: Call) -> Reply:
            return Reply(body=body)

        return _read_only("/endpoints", read, "List all paths.")

    async def _root(self, _call: Call) -> Reply:
        available = {
            name: {"version": self._node.version, "priority": priority}
            for name, priority in PRIORITIES.items()
        }
        body = {
            "tagline": "Welcome to Tollkeeper",
            "version": KONG_VERSION,
            "edition": "community",
            "tollkeeper": {"version": self._node.version},
            "hostname": self._node.hostname,
            "node_id": self._node.id,
            "lua_version": "none",
            "timers": {"running": 0, "pending": 0},
            "plugins": {
                "available_on_server": available,
                "enabled_in_cluster": sorted(await self._enabled()),
            },
            "configuration": dict(self._node.configuration),
            "pids": {"master": os.getppid(), "workers": [os.getpid()]},
        }
        return Reply(body=body)

    async def _timers(self, _call: Call) -> Reply:
        # As Kong shows a node that runs none: what recurs here has no timers to inspect.
        running = dict.fromkeys(("running", "pending", "waiting", "total", "runs"), 0)
        stats = {"sys": running, "timers": {}, "flamegraph": {}}
        return Reply(body={"worker": {"id": 0, "count": 1}, "stats": stats})

    async def _enabled(self) -> set[str]:
        names: set[str] = set()
        after = None
        while True:
            batch = await self._stores.plugins.page(size=_PLUGINS_AT_A_TIME, after=after)
            names |= {plugin.name for plugin in batch}
            if len(batch) < _PLUGINS_AT_A_TIME:
                return names
            after = batch[-1].id

    async def _status(self, call: Call) -> Reply:
        memory = _memory(_resident_bytes(), call.arguments)
        traffic = self._traffic
        body = {
            **await self._kept(),
            "memory": {
                "lua_shared_dicts": {},
                "workers_lua_vms": [{"pid": os.getpid(), "http_allocated_gc": memory}],
            },
            # Of the Admin API itself. A connection counts as long as it has a request.
            "server": {
                "connections_accepted": traffic.total,
                "connections_handled": traffic.total,
                "connections_active": traffic.active,
                "connections_reading": 0,
                "connections_writing": traffic.active,
                "connections_waiting": 0,
                "total_requests": traffic.total,
            },
        }
        return Reply(body=body)

    async def _kept(self) -> dict[str, Any]:
        """Return where everything is kept: in a database, or in what was declared."""
        if self._configuration is None:
            return {"database": {"reachable": await self._is_reachable()}}
        return {"configuration_hash": self._configuration.digest()}

    async def _is_reachable(self) -> bool:
        try:
            async with asyncio.timeout(_DATABASE_LIMIT):
                await self._stores.changes.head()
        except (StoreUnavailableError, TimeoutError):
            return False
        return True


def _read_only(path: str, read: Handler, summary: str, *arguments: str) -> Endpoint:
    operation = Operation(summary=summary, gives={"type": "object"}, arguments=arguments)
    return Endpoint(path, {"GET": read}, READABLE, {"GET": operation})


def _memory(size: int, arguments: Arguments) -> int | str:
    """Return a number of bytes in the unit that is asked for.

    Raises:
        ProblemError: There is no such unit, or no such scale.
    """
    unit = arguments.first("unit") or "m"
    scale = parse_number(arguments.first("scale") or "2")
    if not isinstance(scale, int) or not 0 <= scale <= _MAX_SCALE:
        raise plain(400, f"scale must be an integer between 0 and {_MAX_SCALE}")
    if unit.lower() == "b":
        return size
    if unit.lower() not in _UNITS:
        expected = "expected 'k/K', 'm/M', or 'g/G'"
        raise plain(400, f"invalid unit '{printable(unit)}' ({expected})")
    name, factor = _UNITS[unit.lower()]
    return f"{size / factor:.{scale}f} {name}"


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
