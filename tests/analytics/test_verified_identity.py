"""Callers whose token, or certificate, a real Envoy has verified."""

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from analytics.accesslog import serve
from analytics.config_fields import parse_moesif_config
from analytics.moesif import MoesifCollector
from analytics.pipeline import Pipeline
from analytics.routing import ScopedConfig
from sidecar.address import TcpAddress
from sidecar.demo.echo import running_echo
from sidecar.envoy_config.bootstrap import bootstrap
from sidecar.envoy_config.plan import EnvoyPlan, PlannedRoute, Upstream
from sidecar.envoy_process import running_envoy
from tests.deadline import eventually
from tests.fakes.certificates import Authority, Pair
from tests.fakes.check_service import CheckService, running_check_service
from tests.fakes.collector import Collector
from tests.fakes.counting_metrics import CountingMetrics

pytestmark = pytest.mark.e2e

LOOPBACK = "127.0.0.1"
SECRET = b"a secret that the issuer shares with Envoy"
TYPES = "type.googleapis.com/envoy.extensions"


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def token(**claims: Any) -> str:
    """Return a token that Envoy takes for genuine."""
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    return f"{signed}.{encoded(hmac.digest(SECRET, signed.encode(), hashlib.sha256))}"


def jwt_authn() -> dict[str, Any]:
    keys = {"keys": [{"kty": "oct", "alg": "HS256", "k": encoded(SECRET)}]}
    provider = {
        "issuer": "issuer",
        "local_jwks": {"inline_string": json.dumps(keys)},
        "payload_in_metadata": "payload",
    }
    rule = {"match": {"prefix": "/"}, "requires": {"provider_name": "issuer"}}
    return {
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": f"{TYPES}.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"issuer": provider},
            "rules": [rule],
        },
    }


def tls(server: Pair, authority: Authority) -> dict[str, Any]:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": True,
            "common_tls_context": {
                "tls_certificates": [
                    {
                        "certificate_chain": {"filename": str(server.cert)},
                        "private_key": {"filename": str(server.key)},
                    }
                ],
                "validation_context": {"trusted_ca": {"filename": str(authority.cert)}},
            },
        },
    }


@asynccontextmanager
async def running(
    folder: Path, authority: Authority, **config: Any
) -> AsyncIterator[tuple[str, Collector]]:
    """Yield the URL of an Envoy that verifies both, and the collector of its events."""
    async with AsyncExitStack() as stack:
        metrics = CountingMetrics()
        collector = await stack.enter_async_context(Collector())
        client = await stack.enter_async_context(MoesifCollector())
        pipeline = await stack.enter_async_context(Pipeline(collector=client, metrics=metrics))
        given = {"application_id": "APP", "api_endpoint": collector.url, "batch_max_wait": 100}
        scope = ScopedConfig(parse_moesif_config(given | config))
        pipeline.configure([scope], credential_names=[])
        face = serve(f"{LOOPBACK}:0", open_stream=pipeline.open_stream, metrics=metrics)
        analytics = await stack.enter_async_context(face)
        echo = await stack.enter_async_context(running_echo(LOOPBACK, 0))
        authsvc = await stack.enter_async_context(running_check_service(CheckService()))
        plan = EnvoyPlan(
            listen=TcpAddress(LOOPBACK, 0),
            authsvc=TcpAddress(LOOPBACK, authsvc),
            analytics=TcpAddress(LOOPBACK, int(analytics.rpartition(":")[2])),
            upstreams=(Upstream(name="echo", address=TcpAddress("localhost", echo)),),
            routes=(PlannedRoute(name="all", upstream="echo"),),
        )
        server = authority.issue("localhost")

        def write(plan: EnvoyPlan) -> str:
            made = bootstrap(plan)
            (chain,) = made["static_resources"]["listeners"][0]["filter_chains"]
            chain["filters"][0]["typed_config"]["http_filters"].insert(0, jwt_authn())
            chain["transport_socket"] = tls(server, authority)
            return yaml.safe_dump(made)

        log = folder / "envoy.log"
        envoy = await stack.enter_async_context(
            running_envoy(plan, log_file=log, concurrency=1, write=write)
        )
        yield f"https://{LOOPBACK}:{await envoy.port()}", collector


async def event_of(url: str, collector: Collector, trust: ssl.SSLContext) -> dict[str, Any]:
    """Make one call with a token and a certificate; return its event."""
    bearer = token(iss="issuer", sub="token-user", org={"id": 12}, nothing=None)
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, ssl=trust, headers={"Authorization": f"Bearer {bearer}"}) as answer,
    ):
        assert answer.status == 200
    await eventually(lambda: collector.events, "the event")
    event: dict[str, Any] = collector.events[0]
    assert bearer not in json.dumps(event)
    return event


CONFIGS: dict[str, tuple[dict[str, Any], tuple[str | None, str | None]]] = {
    "a token": (
        {"jwt_payload_in_metadata": "payload", "authorization_company_id_field": "org.id"},
        ("token-user", "12"),
    ),
    "a certificate": (
        {
            "user_id_certificate_field": "uri_san",
            "company_id_certificate_field": "subject.O",
        },
        ("spiffe://acme/billing", "Acme, Inc."),
    ),
    "the name of a certificate": ({"user_id_certificate_field": "subject.CN"}, ("billing", None)),
    "neither": ({}, (None, None)),
}


@pytest.mark.parametrize(("config", "expected"), CONFIGS.values(), ids=CONFIGS)
async def test_what_envoy_verified_identifies_the_caller(
    tmp_path: Path, config: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("billing", organization="Acme, Inc.", uri="spiffe://acme/billing")
    trust = ssl.create_default_context(cafile=str(authority.cert))
    trust.load_cert_chain(pair.cert, pair.key)
    async with running(tmp_path, authority, **config) as (url, collector):
        event = await event_of(url, collector, trust)
    assert (event.get("user_id"), event.get("company_id")) == expected
    metadata = event["metadata"]
    assert metadata["peer_uris"] == ["spiffe://acme/billing"]
    assert "CN=billing" in metadata["peer_subject"]
    assert metadata["tls_version"] == "TLSv1.3"
