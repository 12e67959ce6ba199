"""The whole configuration."""

import subprocess
from dataclasses import replace
from pathlib import Path as FilePath

import pytest
import yaml

from sidecar.address import TcpAddress, UnixAddress
from sidecar.envoy_config.bootstrap import bootstrap, render
from sidecar.envoy_config.plan import BodyUse, Capture, EnvoyPlan, Path, PlannedRoute, Upstream
from sidecar.envoy_process import find_envoy
from tests.fakes.gateway import StartGateway

PLAN = EnvoyPlan(
    listen=TcpAddress("0.0.0.0", 8000),
    authsvc=TcpAddress("127.0.0.1", 9191),
    analytics=TcpAddress("127.0.0.1", 9193),
    upstreams=(Upstream(name="api", address=TcpAddress("api.test", 80)),),
    routes=(PlannedRoute(name="all", upstream="api"),),
)
LONG = Path(text="/(?:" + "|".join(f"branch-{n}" for n in range(200)) + ")/x{100}", regex=True)
PLANS = {
    "plain": PLAN,
    "nothing to serve": replace(PLAN, upstreams=(), routes=()),
    "sockets": replace(
        PLAN,
        admin=UnixAddress("/run/admin.sock"),
        authsvc=UnixAddress("/run/a.sock"),
        analytics=UnixAddress("/run/b.sock"),
    ),
    "names in DNS": replace(
        PLAN,
        authsvc=TcpAddress("tollkeeper.test", 9191),
        admin=TcpAddress("::1", 9901),
        analytics=None,
    ),
    "every address": replace(PLAN, listen=TcpAddress("::", 8000)),
    "TLS to upstreams": replace(
        PLAN,
        upstreams=(Upstream(name="api", address=TcpAddress("::1", 443), tls=True, http2=True),),
    ),
    "a long expression": replace(
        PLAN, routes=(PlannedRoute(name="all", upstream="api", path=LONG, strip_path=True),)
    ),
    "bodies that are shown, and keys in them that are not": replace(
        PLAN,
        routes=(
            PlannedRoute(
                name="all",
                upstream="api",
                body=BodyUse.HIDE,
                captures=Capture(request=True, response=True),
            ),
        ),
    ),
    "many proxies, many key names": replace(
        PLAN, trusted_hops=3, secret_headers=tuple(f"x_key-{n}" for n in range(100))
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_envoy_accepts_the_configuration(tmp_path: FilePath, name: str) -> None:
    config = tmp_path / "envoy.yaml"
    config.write_text(render(PLANS[name]))

    outcome = subprocess.run(
        [find_envoy(), "--mode", "validate", "-c", config], capture_output=True, check=False
    )

    assert outcome.returncode == 0, outcome.stderr.decode()


def test_the_yaml_is_the_configuration() -> None:
    assert yaml.safe_load(render(PLAN)) == bootstrap(PLAN)


def test_an_admin_listener_that_others_could_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="loopback"):
        replace(PLAN, admin=TcpAddress("0.0.0.0", 9901))


async def test_envoys_own_admin_cannot_stop_it_or_make_it_log_headers(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway()

    refused = ["/quitquitquit", "/logging?level=trace", "/config_dump", "/runtime_modify"]
    answers = [await gateway.envoy.ask(path) for path in refused]

    assert [status for status, _ in answers] == [403] * len(refused)
    assert (await gateway.envoy.ask("/stats"))[0] == 200
