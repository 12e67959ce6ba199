"""What analytics gets to see of a request."""

from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry

from tests.clients.raw_http import get
from tests.deadline import eventually
from tests.fakes.check_service import deny
from tests.fakes.gateway import Gateway, StartGateway


async def _entry(gateway: Gateway) -> HTTPAccessLogEntry:
    await eventually(lambda: gateway.log.entries, "an access log entry")
    return gateway.log.entries[0]


async def _says(gateway: Gateway, path: str, what: str) -> bool:
    return what in (await gateway.envoy.ask(path))[1]


async def test_an_entry_names_the_route_and_the_method_as_it_was_sent(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway()

    await get(gateway.port, method="PROPFIND")

    entry = await _entry(gateway)
    assert entry.common_properties.route_name == "all"
    assert entry.request.request_headers[":method"] == "PROPFIND"


async def test_no_credential_header_of_a_denied_request_is_logged(
    start_gateway: StartGateway,
) -> None:
    key_names = ("apikey", "x-id", "My_Key")
    logged = ("X-ID", "My-Key", "authorization", "x-user")
    gateway = await start_gateway(secret_headers=key_names, logged_headers=logged)
    gateway.checks.answer = lambda _request: deny()
    names = ("apikey", "x-id", "my-key", "my_key", "authorization", "cookie")

    await get(gateway.port, "/", *(f"{name}: CANARY" for name in names), "x-user: ann")

    entry = await _entry(gateway)
    assert entry.request.request_headers["x-user"] == "ann"
    assert b"CANARY" not in gateway.log.raw


async def test_a_client_cannot_say_what_its_path_was(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()

    await get(gateway.port, "/real", "x-envoy-original-path: /spoofed")

    assert (await _entry(gateway)).request.original_path == ""


async def test_without_analytics_nothing_is_logged_and_all_else_works(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(analytics=None)

    assert (await get(gateway.port)).status == 200


async def test_entries_wait_in_envoy_while_analytics_is_away(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    await gateway.log.stop()
    await eventually(lambda: _says(gateway, "/clusters", "failed_active_hc"), "the health check")

    for number in range(20):
        await get(gateway.port, f"/{number}")
    tried = "tollkeeper_analytics.upstream_cx_none_healthy: 1"
    await eventually(lambda: _says(gateway, "/stats", tried), "Envoy to try to deliver")
    await gateway.log.start()

    await eventually(lambda: len(gateway.log.entries) == 20, "the entries of the outage")
