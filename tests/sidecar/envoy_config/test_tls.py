"""TLS from Envoy to authsvc: what the command writes, and a real Envoy that goes by it."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from authsvc.extauthz.fastlane import face
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig
from sidecar.address import TcpAddress, parse_address
from sidecar.demo.echo import running_echo
from sidecar.envoy_config.command import envoy_config
from sidecar.envoy_config.plan import AuthsvcTls, EnvoyPlan, PlannedRoute, Upstream
from sidecar.envoy_process import find_envoy, running_envoy
from sidecar.settings_model import Tls
from sidecar.tls import authsvc_tls
from tests.clients.raw_http import Response, send
from tests.deadline import eventually
from tests.fakes.authenticator import make_authenticator
from tests.fakes.certificates import Authority, Pair

HOST = "127.0.0.1"
GOOD = "apikey: good"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def server(ours: Authority) -> Pair:
    return ours.issue("server")


@pytest.fixture(scope="module")
def client(ours: Authority) -> Pair:
    return ours.issue("envoy")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"), "stranger")


def settings_file(folder: Path, server: Pair, ca: Path | None = None, **authsvc: Any) -> str:
    """Write settings by which authsvc speaks TLS; return the file's name."""
    tls = {"cert_file": str(server.cert), "key_file": str(server.key)}
    tls |= {"client_ca_file": str(ca)} if ca else {}
    file = folder / "tollkeeper.yaml"
    file.write_text(yaml.safe_dump({"authsvc": {"tls": tls, **authsvc}}))
    return str(file)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(envoy_config, ["--upstream", "localhost:9000", *arguments])


def written(outcome: Result) -> dict[str, Any]:
    """Return the context of TLS in what was written for authsvc."""
    assert outcome.exit_code == 0, outcome.stderr
    clusters = yaml.safe_load(outcome.stdout)["static_resources"]["clusters"]
    cluster = next(each for each in clusters if each["name"] == "tollkeeper_authsvc")
    context: dict[str, Any] = cluster["transport_socket"]["typed_config"]
    return context


def test_where_the_settings_have_tls_envoy_speaks_it(tmp_path: Path, server: Pair) -> None:
    context = written(run("--config", settings_file(tmp_path, server), "--authsvc-ca", "/ca.pem"))
    common = context["common_tls_context"]
    assert "sni" not in context  # 127.0.0.1 is no name
    assert common["alpn_protocols"] == ["h2"]
    assert common["validation_context"] == {
        "trusted_ca": {"filename": "/ca.pem"},
        "match_typed_subject_alt_names": [{"san_type": "IP_ADDRESS", "matcher": {"exact": HOST}}],
    }
    assert "tls_certificates" not in common


def test_a_name_is_asked_for_and_nothing_else_is_accepted(tmp_path: Path, server: Pair) -> None:
    config = settings_file(tmp_path, server)
    named = written(run("--config", config, "--authsvc-server-name", "authsvc.test"))
    placed = written(run("--config", config, "--authsvc", "authsvc.test:9191"))
    assert named == placed
    assert named["sni"] == "authsvc.test"
    (accepted,) = named["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"]
    assert accepted == {"san_type": "DNS", "matcher": {"exact": "authsvc.test"}}


def test_without_tls_there_is_no_transport_socket() -> None:
    assert "transport_socket" not in run().stdout


def test_an_option_is_enough_where_the_settings_are_elsewhere() -> None:
    context = written(run("--authsvc", "authsvc.test:9191", "--authsvc-ca", "/ca.pem"))
    assert context["sni"] == "authsvc.test"


def test_envoy_takes_what_is_written(
    tmp_path: Path, ours: Authority, server: Pair, client: Pair
) -> None:
    shown = ("--authsvc-cert", str(client.cert), "--authsvc-key", str(client.key))
    config = settings_file(tmp_path, server, ours.cert)
    outcome = run("--config", config, "--authsvc-ca", str(ours.cert), *shown)
    file = tmp_path / "envoy.yaml"
    file.write_text(outcome.stdout)
    (pair,) = written(outcome)["common_tls_context"]["tls_certificates"]
    assert pair["private_key"] == {"filename": str(client.key)}
    subprocess.run([find_envoy(), "--mode", "validate", "-c", file], check=True)


def test_a_certificate_that_authsvc_asks_for_has_to_be_given(
    tmp_path: Path, ours: Authority, server: Pair
) -> None:
    outcome = run("--config", settings_file(tmp_path, server, ours.cert))
    assert outcome.exit_code == 2
    assert "--authsvc-cert and --authsvc-key" in outcome.stderr


def test_a_certificate_without_its_key_is_refused() -> None:
    outcome = run("--authsvc-cert", "/envoy.crt")
    assert outcome.exit_code == 2
    assert "belong together" in outcome.stderr


def test_a_socket_has_no_name(tmp_path: Path, server: Pair) -> None:
    config = settings_file(tmp_path, server, grpc="unix:/run/authsvc.sock")
    outcome = run("--config", config)
    assert outcome.exit_code == 2
    assert "--authsvc-server-name" in outcome.stderr
    assert written(run("--config", config, "--authsvc-server-name", "authsvc"))["sni"] == "authsvc"


@pytest.fixture
async def start(tmp_path: Path, ours: Authority, server: Pair) -> AsyncIterator["Start"]:
    async with AsyncExitStack() as stack:
        yield Start(tmp_path, ours, server, stack)


class Start:
    """Starts authsvc with TLS that wants a certificate of ours, and Envoy in front of it."""

    def __init__(self, folder: Path, ours: Authority, server: Pair, stack: AsyncExitStack) -> None:
        self._log = folder / "envoy.log"
        self._tls = Tls(
            cert_file=str(server.cert), key_file=str(server.key), client_ca_file=str(ours.cert)
        )
        self._stack = stack

    async def __call__(self, tls: AuthsvcTls) -> int:
        """Return the port on which Envoy takes requests."""
        enter = self._stack.enter_async_context
        echo = await enter(running_echo(HOST, 0))
        checks = face.serve(
            f"{HOST}:0",
            authenticator=make_authenticator(KeyAuthConfig(), key="good"),
            metrics=NullMetrics(),
            tls=authsvc_tls(self._tls),
            drain_seconds=0.0,
        )
        plan = EnvoyPlan(
            listen=TcpAddress(HOST, 0),
            authsvc=parse_address(await enter(checks)),
            authsvc_tls=tls,
            analytics=None,
            upstreams=(Upstream(name="echo", address=TcpAddress(HOST, echo)),),
            routes=(PlannedRoute(name="all", upstream="echo"),),
        )
        envoy = await enter(running_envoy(plan, log_file=self._log, concurrency=1))
        return await envoy.port()


def plan_of(ca: Authority, shown: Pair | None, name: str = HOST) -> AuthsvcTls:
    pair = (str(shown.cert), str(shown.key)) if shown else None
    return AuthsvcTls(trusted_ca=str(ca.cert), server_name=name, shown=pair)


async def answers(port: int, status: int, *headers: str) -> Response:
    """Ask until Envoy has its connection to authsvc, or has found that it cannot be had."""
    found: list[Response] = []

    async def asked() -> bool:
        found.append(await send(port, "/", *headers))
        return found[-1].status == status

    await eventually(asked, f"status {status}")
    return found[-1]


@pytest.mark.parametrize("name", [HOST, "localhost"])
async def test_envoy_asks_over_tls_with_its_certificate(
    start: Start, ours: Authority, client: Pair, name: str
) -> None:
    port = await start(plan_of(ours, client, name))
    await answers(port, 200, GOOD)
    assert (await send(port, "/")).status == 401


REFUSED = {
    "a certificate of somebody else": lambda ours, theirs, _: plan_of(ours, theirs.issue("envoy")),
    "no certificate": lambda ours, _theirs, _: plan_of(ours, None),
    "an authsvc of another name": lambda ours, _, client: plan_of(ours, client, "other.test"),
    "an authsvc of another authority": lambda _, theirs, client: plan_of(theirs, client),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_nothing_passes_with(
    start: Start, ours: Authority, theirs: Authority, client: Pair, name: str
) -> None:
    port = await start(REFUSED[name](ours, theirs, client))
    for _ in range(3):
        assert (await send(port, "/", GOOD)).status == 503
