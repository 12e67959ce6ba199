"""Names for the numbers and fields of Envoy's access log, in the log's own order."""

from typing import Final

# Where ext_authz puts the metadata of its answers, however the filter is named.
VERDICT_NAMESPACE: Final = "envoy.filters.http.ext_authz"
# And jwt_authn the payloads of tokens, where it is told to.
JWT_NAMESPACE: Final = "envoy.filters.http.jwt_authn"

METHODS: Final = (
    *("", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"),
)
PROTOCOLS: Final = ("", "HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3")
TLS_VERSIONS: Final = ("", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")

# AccessLogType of what becomes an event. All others are said while a request goes on, or of TCP
# and tunnels: counting them would count a request several times.
NOT_SET: Final = 0
DOWNSTREAM_END: Final = 6

# Fields of ResponseFlags, and how %RESPONSE_FLAGS% writes them.
RESPONSE_FLAGS: Final = {
    "failed_local_healthcheck": "LH",
    "no_healthy_upstream": "UH",
    "upstream_request_timeout": "UT",
    "local_reset": "LR",
    "upstream_remote_reset": "UR",
    "upstream_connection_failure": "UF",
    "upstream_connection_termination": "UC",
    "upstream_overflow": "UO",
    "no_route_found": "NR",
    "delay_injected": "DI",
    "fault_injected": "FI",
    "rate_limited": "RL",
    "unauthorized_details": "UAEX",
    "rate_limit_service_error": "RLSE",
    "downstream_connection_termination": "DC",
    "upstream_retry_limit_exceeded": "URX",
    "stream_idle_timeout": "SI",
    "invalid_envoy_request_headers": "IH",
    "downstream_protocol_error": "DPE",
    "upstream_max_stream_duration_reached": "UMSDR",
    "response_from_cache_filter": "RFCF",
    "no_filter_config_found": "NFCF",
    "duration_timeout": "DT",
    "upstream_protocol_error": "UPE",
    "no_cluster_found": "NC",
    "overload_manager": "OM",
    "dns_resolution_failure": "DF",
    "downstream_remote_reset": "DR",
}


def name_of(names: tuple[str, ...], number: int) -> str:
    """Return a name from one of the tables by number; empty if Envoy has a newer one."""
    return names[number] if 0 <= number < len(names) else ""
