"""The command as a user gives it."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from click.testing import CliRunner, Result

from sidecar.admin_client import AdminApiError, AdminRefusedError
from sidecar.envoy_config.admin_source import fetch_gateway
from sidecar.envoy_config.command import envoy_config
from sidecar.envoy_process import find_envoy
from sidecar.errors import SettingsError
from sidecar.secret import Secret
from sidecar.tls import server_context
from tests.fakes.certificates import Authority

TOKEN = "t" * 32
SERVICE = {"id": "s1", "name": "shop", "protocol": "http", "host": "shop.test", "port": 80}
ROUTES = [
    {"id": str(n), "name": f"r{n}", "service": {"id": "s1"}, "paths": [f"/{n}"]} for n in "ab"
]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(envoy_config, arguments)


def authorizing(config: str) -> str:
    clusters = {c["name"]: c for c in yaml.safe_load(config)["static_resources"]["clusters"]}
    endpoints = clusters["tollkeeper_authsvc"]["load_assignment"]["endpoints"]
    address = endpoints[0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    return f"{address['address']}:{address['port_value']}"


@asynccontextmanager
async def admin_api(*, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve a list of two pages to who has the token."""

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Unauthorized"}, status=401)
        rows = {"/services": [SERVICE], "/plugins": []}.get(request.path)
        if rows is not None:
            return web.json_response({"data": rows, "next": None})
        page = int(request.query.get("offset", 0))
        following = None if page else "/routes?offset=1"
        return web.json_response({"data": [ROUTES[page]], "next": following})

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def test_one_upstream_needs_nothing_else(tmp_path: Path) -> None:
    config = tmp_path / "envoy.yaml"
    outcome = run("--upstream", "localhost:9000", "--upstream-protocol", "grpc")
    config.write_text(outcome.stdout)

    assert (outcome.exit_code, outcome.stderr) == (0, "")
    subprocess.run([find_envoy(), "--mode", "validate", "-c", config], check=True)


def test_bodies_of_the_one_upstream_are_shown_where_that_is_asked_for() -> None:
    shown = run("--upstream", "a.test:80", "--capture-bodies")
    assert "tollkeeper.bodies" in shown.stdout
    assert "tollkeeper.bodies" not in run("--upstream", "a.test:80").stdout


def test_bodies_are_shown_to_authsvc_where_that_is_asked_for(tmp_path: Path) -> None:
    config = tmp_path / "envoy.yaml"
    config.write_text(run("--upstream", "localhost:9000", "--check-bodies").stdout)
    assert config.read_text().count("with_request_body") == 1  # and not for gRPC calls
    subprocess.run([find_envoy(), "--mode", "validate", "-c", config], check=True)
    assert "with_request_body" not in run("--upstream", "localhost:9000").stdout
    grpc = run("--upstream", "localhost:9000", "--upstream-protocol", "grpc", "--check-bodies")
    assert "with_request_body" not in grpc.stdout


def test_the_edge_cache_stands_before_the_check_where_it_is_asked_for(tmp_path: Path) -> None:
    config = tmp_path / "envoy.yaml"
    config.write_text(run("--upstream", "localhost:9000", "--edge-cache").stdout)

    assert filters(config.read_text())[:2] == ["tollkeeper", "envoy.filters.http.ext_authz"]
    subprocess.run([find_envoy(), "--mode", "validate", "-c", config], check=True)
    without = run("--upstream", "localhost:9000").stdout
    assert filters(without)[0] == "envoy.filters.http.ext_authz"
    assert "filter_enabled_metadata" not in without


def filters(config: str) -> list[str]:
    (listener,) = yaml.safe_load(config)["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return [each["name"] for each in manager["http_filters"]]


def test_envoy_looks_for_authsvc_where_the_settings_put_it(tmp_path: Path) -> None:
    settings = tmp_path / "tollkeeper.yaml"
    settings.write_text("authsvc: {grpc: '0.0.0.0:7777'}")

    outcome = run("--upstream", "a.test:80", "--config", str(settings))

    assert authorizing(outcome.stdout) == "127.0.0.1:7777"


def test_envoy_elsewhere_looks_where_the_flag_says() -> None:
    outcome = run("--upstream", "a.test:80", "--authsvc", "tollkeeper.test:9191")

    assert authorizing(outcome.stdout) == "tollkeeper.test:9191"


def test_underscores_in_default_key_names_are_let_through(tmp_path: Path) -> None:
    settings = tmp_path / "tollkeeper.yaml"
    settings.write_text("authsvc: {default_plugin: {key_names: [api_key]}}")

    outcome = run("--upstream", "a.test:80", "--config", str(settings))

    assert "headers_with_underscores_action: ALLOW" in outcome.stdout


WRONG = {
    "no port": (["--upstream", "localhost"], "host:port"),
    "open admin listener": (["--upstream", "a:1", "--envoy-admin", "0.0.0.0:9901"], "loopback"),
    "bodies of whom": (["--capture-bodies"], "--upstream"),
    "listening on a name": (["--upstream", "a:1", "--listen", "localhost:80"], "IP addresses"),
    "admin listener on a name": (
        ["--upstream", "a:1", "--envoy-admin", "localhost:9901"],
        "IP addresses",
    ),
    "authsvc at no port": (["--upstream", "a:1", "--authsvc", "127.0.0.1:0"], "ports of authsvc"),
    "more proxies than Envoy can count": (
        ["--upstream", "a:1", "--trusted-hops", "4294967296"],
        "0<=x<=100",
    ),
    "listening on a socket": (["--upstream", "a:1", "--listen", "unix:/x"], "host:port"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_usage_is_told_and_ends_with_2(name: str) -> None:
    arguments, reason = WRONG[name]
    outcome = run(*arguments)

    assert outcome.exit_code == 2
    assert reason in outcome.stderr


def test_without_authsvc_there_is_no_configuration(tmp_path: Path) -> None:
    settings = tmp_path / "tollkeeper.yaml"
    settings.write_text("authsvc: {grpc: null}")

    outcome = run("--upstream", "a.test:80", "--config", str(settings))

    assert isinstance(outcome.exception, SettingsError)


async def test_all_pages_of_the_admin_api_are_read() -> None:
    async with admin_api() as url:
        served = await fetch_gateway(url, token=Secret(TOKEN))

    assert {route.name for route in served.routes} == {"ra", "rb"}
    assert [upstream.name for upstream in served.upstreams] == ["upstream_shop"]


async def test_a_refusal_of_the_admin_api_is_one_line() -> None:
    async with admin_api() as url:
        with pytest.raises(AdminRefusedError, match=r"refuses GET /\w+: Unauthorized"):
            await fetch_gateway(url)


async def test_an_admin_api_that_is_away_is_one_line() -> None:
    with pytest.raises(AdminApiError, match=r"at http://127.0.0.1:1 cannot be reached"):
        await fetch_gateway("http://127.0.0.1:1")


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    return str(file)


async def test_an_admin_api_with_tls_is_asked_over_it(tmp_path: Path, token_file: str) -> None:
    authority = Authority(tmp_path)
    pair, ours = authority.issue("admin"), authority.issue("envoy-config")
    shown, settings = (str(pair.cert), str(pair.key)), tmp_path / "tollkeeper.yaml"
    tls = server_context(
        cert_file=shown[0], key_file=shown[1], client_ca_file=str(authority.cert), name="tls"
    )
    async with admin_api(tls=tls) as url:
        listen = url.removeprefix("https://")
        settings.write_text(
            f"admin: {{listen: '{listen}', token_file: {token_file},"
            f" tls: {{cert_file: {shown[0]}, key_file: {shown[1]}}}}}"
        )
        trusting = ["--config", str(settings), "--ca-file", str(authority.cert)]
        known = [*trusting, "--client-cert-file", str(ours.both)]
        refused, served = [await asyncio.to_thread(run, *given) for given in (trusting, known)]

    assert isinstance(refused.exception, AdminApiError)
    assert "name: upstream_shop" in served.stdout


def test_who_only_describes_envoy_needs_no_root_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLKEEPER_DATABASE__URL", "postgresql://db.test/tollkeeper")
    assert run("--upstream", "a.test:80").exit_code == 0
