"""Checks without Envoy: the load asks one server process, each on a core of its own."""

from collections.abc import Mapping

from bench import h2load
from bench.agreement import answer_size
from bench.http_traffic import check_headers
from bench.loads import H2Load, OwnLoad
from bench.measurement import Load
from bench.processes import LOAD_CORE, SERVER_CORE, Server, cores_of, move
from bench.roster import CONTENDERS, Face
from bench.scenes import SERVER, Scene, Trial
from bench.traffic import GRPC_HEADERS, METHOD, PATH, requests

ONE_KEY, MANY_KEYS = "direct", "direct, many keys"

_CONNECTIONS, _STREAMS = 4, 32  # as an Envoy with four workers
_GRPC_PREFIX = 5  # bytes in front of a message


async def direct_scenes(servers: Mapping[str, Server], *, is_short: bool) -> list[Scene]:
    """Return what asks the servers alone; they are moved to their core.

    Many keys in turn take part where there is time, or no h2load.
    """
    servers = {name: server for name, server in servers.items() if CONTENDERS[name].is_alone}
    for server in servers.values():
        move(server.pid, cores_of(SERVER_CORE))
    in_flight = f"{_CONNECTIONS} connections with {_STREAMS} calls each"
    scenes = []
    if h2load.is_here():
        loads = {name: await _one_key(name, server) for name, server in servers.items()}
        scenes.append(_scene(ONE_KEY, f"Direct, one key, {in_flight}", loads, servers))
    if is_short and scenes:
        return scenes
    own = {
        name: await _many_keys(server)
        for name, server in servers.items()
        if CONTENDERS[name].face is Face.GRPC
    }
    scenes.append(_scene(MANY_KEYS, f"Direct, 1,000 keys in turn, {in_flight}", own, servers))
    return scenes


def _scene(
    name: str, title: str, loads: Mapping[str, Load], servers: Mapping[str, Server]
) -> Scene:
    cores = frozenset(cores_of(LOAD_CORE))
    trials = {each: Trial(load, {SERVER: servers[each].pid}, cores) for each, load in loads.items()}
    return Scene(name, title, trials)


async def _one_key(name: str, server: Server) -> H2Load:
    if CONTENDERS[name].face is Face.HTTP:
        # One request at a time on each connection, as Envoy does: so many as there are calls.
        request = h2load.Request(path=PATH, headers=check_headers())
        return H2Load(request, port=server.port, connections=_CONNECTIONS * _STREAMS)
    message = requests()[0]
    framed = b"\x00" + len(message).to_bytes(_GRPC_PREFIX - 1, "big") + message
    return H2Load(
        h2load.Request(path=METHOD, headers=GRPC_HEADERS, body=framed),
        port=server.port,
        connections=_CONNECTIONS,
        streams=_STREAMS,
        answer_size=_GRPC_PREFIX + await answer_size(server.port),
    )


async def _many_keys(server: Server) -> OwnLoad:
    return OwnLoad(
        port=server.port,
        connections=_CONNECTIONS,
        streams=_STREAMS,
        answer_size=await answer_size(server.port),
    )
