"""The floor of grpc.aio: raw bytes in, one ready answer out, nothing decided.

What is left of the others' cost when deciding, decoding and encoding are taken away.
"""

import grpc.aio
import uvloop

from bench.contenders.plain import allowed
from bench.contenders.serving import announce_and_wait, run
from bench.traffic import AUTHORITY, METHOD, ROUTE, SERVICE, callers


async def serve() -> None:
    """Serve until standard input ends."""
    names = {"route": ROUTE, "service": SERVICE, "authority": AUTHORITY}
    answer = allowed(callers()[0], names).SerializeToString()

    async def check(request: bytes, context: object) -> bytes:  # noqa: ARG001 - grpc.aio's signature
        return answer

    _, service, method = METHOD.split("/")
    handler = grpc.method_handlers_generic_handler(
        service, {method: grpc.unary_unary_rpc_method_handler(check)}
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await announce_and_wait(port)
    await server.stop(None)


if __name__ == "__main__":
    run(serve, runner=uvloop.run)
