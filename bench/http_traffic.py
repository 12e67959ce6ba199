"""How Envoy asks about a request in ext_authz's HTTP mode."""

from authsvc.extauthz.http import CLIENT_ADDRESS_HEADER, ROUTE_HEADER, SERVICE_HEADER
from bench.traffic import CLIENT_HEADERS, KEY_HEADER, ROUTE, SERVICE, callers


def check_headers() -> dict[str, str]:
    """Return the headers with which Envoy asks about a request over HTTP."""
    return {
        KEY_HEADER: callers()[0].key,
        "accept": CLIENT_HEADERS["accept"],
        ROUTE_HEADER: ROUTE,
        SERVICE_HEADER: SERVICE,
        CLIENT_ADDRESS_HEADER: "192.0.2.10",
        "x-envoy-internal": "true",
        "x-envoy-expected-rq-timeout-ms": "1000",
        "x-forwarded-for": "192.0.2.10",
        "x-request-id": "5f0f5f6a-7d0b-4d2c-9b7e-2d1f3c4b5a69",
    }
