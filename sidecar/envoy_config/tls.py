"""Transport sockets: TLS from Envoy to upstreams, and to authsvc."""

from typing import Any

from sidecar.address import is_ip
from sidecar.envoy_config.extensions import typed
from sidecar.envoy_config.plan import AuthsvcTls

_PARAMETERS = {"tls_minimum_protocol_version": "TLSv1_2"}


def upstream_tls(trusted_ca: str) -> dict[str, Any]:
    """Return the transport socket of an upstream."""
    return _socket(
        # The name asked for and the names accepted are the endpoint's own.
        auto_host_sni=True,
        auto_sni_san_validation=True,
        common_tls_context={
            "tls_params": _PARAMETERS,
            "validation_context": {"trusted_ca": {"filename": trusted_ca}},
        },
    )


def authsvc_tls(tls: AuthsvcTls) -> dict[str, Any]:
    """Return the transport socket of authsvc: HTTP/2 alone, with one name alone."""
    named_by_ip = is_ip(tls.server_name)
    return _socket(
        **({} if named_by_ip else {"sni": tls.server_name}),  # RFC 6066: an address is no name
        common_tls_context={
            "alpn_protocols": ["h2"],
            "tls_params": _PARAMETERS,
            **_shown(tls),
            "validation_context": {
                "trusted_ca": {"filename": tls.trusted_ca},
                "match_typed_subject_alt_names": [
                    {
                        "san_type": "IP_ADDRESS" if named_by_ip else "DNS",
                        "matcher": {"exact": tls.server_name},
                    }
                ],
            },
        },
    )


def _shown(tls: AuthsvcTls) -> dict[str, Any]:
    if tls.shown is None:
        return {}
    certificate, key = tls.shown
    pair = {"certificate_chain": {"filename": certificate}, "private_key": {"filename": key}}
    return {"tls_certificates": [pair]}


def _socket(**context: Any) -> dict[str, Any]:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": typed("UpstreamTlsContext", **context),
    }
