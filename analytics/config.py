"""The ``moesif`` plugin's configuration: Kong's fields with Kong's defaults, and a few of ours.

Times are in milliseconds and sizes in bytes, as in Kong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics.application_id import ApplicationId
from analytics.skip_rules import SkipRule


@dataclass(frozen=True, slots=True)
class MoesifConfig:
    """One validated configuration; ``parse_moesif_config`` makes it.

    A header or claim that is not configured is None, however it was left out.
    """

    application_id: ApplicationId

    # Where and how events are sent.
    api_endpoint: str = "https://api.moesif.net"  # may have a path prefix; no trailing slash here
    connect_timeout: int = 1000
    send_timeout: int = 5000  # bounds the whole request, from connecting to the answer
    batch_size: int = 50  # events
    batch_max_wait: int = 2000  # ours: how long an event waits for its batch to fill
    event_queue_size: int = 1_000_000  # events; the queue is bounded in bytes as well
    enable_compression: bool = False  # gzip: every version of the collector opens it
    max_send_rate: int | None = None  # ours: events a second

    # What an event says.
    api_version: str | None = "1.0"
    api_version_header: str | None = None  # ours, of requests
    metadata: Mapping[str, Any] | None = None  # ours: in every event
    direction: str = "Incoming"  # ours
    outgoing_log_names: tuple[str, ...] = ()  # ours: access logs of calls that we make
    skip: tuple[SkipRule, ...] = ()  # ours
    request_header_masks: tuple[str, ...] = ()
    response_header_masks: tuple[str, ...] = ()
    request_query_masks: tuple[str, ...] = ()
    disable_credential_masking: bool = False  # ours
    trust_client_ip_headers: bool = False  # ours: Envoy has resolved the client's address already
    disable_transaction_id: bool = False  # else upstream and client get X-Moesif-Transaction-Id

    # Who called.
    user_id_header: str | None = None
    company_id_header: str | None = None
    authorization_header_name: str | None = "authorization"  # or several, separated by commas
    authorization_user_id_field: str | None = "sub"
    authorization_company_id_field: str | None = None
    trust_consumer_headers: bool = False  # ours: any client can send x-consumer-* headers
    # Ours as well: what authsvc and Envoy themselves have verified.
    user_id_from: str | None = None  # as ``parse_id_sources`` reads it, and the next
    company_id_from: str | None = None
    jwt_payload_in_metadata: str | None = None  # the option of this name of Envoy's jwt_authn
    user_id_certificate_field: str | None = None  # as ``certificate_field`` takes it, and the next
    company_id_certificate_field: str | None = None
    sync_consumers: bool = False  # ours: consumers are made known to the collector as users

    # What Moesif wants: sampling, and governance.
    config_refresh_interval: int = 30_000  # ours: it is asked again after this at the latest
    enable_governance: bool = True  # ours: Kong's always enforces rules

    # Bodies, where Envoy shows them.
    disable_capture_request_body: bool = False
    disable_capture_response_body: bool = False
    request_max_body_size_limit: int = 100_000
    response_max_body_size_limit: int = 100_000
    request_body_masks: tuple[str, ...] = ()
    response_body_masks: tuple[str, ...] = ()
    request_masks: tuple[str, ...] = ()  # the old name of request_body_masks
    response_masks: tuple[str, ...] = ()  # the old name of response_body_masks
    disable_gzip_payload_decompression: bool = False

    # Kept so that a configuration of Kong's loads: they mean nothing outside a Kong worker.
    timeout: int = 1000  # read by nothing in Kong either
    keepalive: int = 5000  # read by nothing in Kong either
    max_callback_time_spent: int = 750
    debug: bool = False  # what is logged is decided by the log level
