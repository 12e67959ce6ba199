"""What is taken is what Envoy takes: each expression is also shown to the real one."""

import json
import subprocess
from pathlib import Path

import pytest

from sidecar.address import TcpAddress
from sidecar.envoy_config.bootstrap import bootstrap
from sidecar.envoy_config.expressions import is_taken
from sidecar.envoy_config.plan import EnvoyPlan, PlannedRoute, Upstream
from sidecar.envoy_config.plan import Path as RoutePath
from sidecar.envoy_process import find_envoy

TAKEN = (
    r"/a\\1",
    r"/(?<name>a)",
    r"/(?P<name>a)",
    "/a(?:b|c)?",
    r"/\d+$",
    "/[[:alpha:]]+",
    r"/\pL",
    r"/\x{41}",
    "/(?i)abc",
    "/x{1000}",
)
REFUSED = (
    "/(",
    r"/(a)\1",
    "/(?!a)",
    "/(?<=a)b",
    "/(?>a)",
    "/a++",
    r"/a\Z",
    "/a(?#c)b",
    "/(?P<n>a)(?P=n)",
    "/(a)(?(1)b|c)",
    "/x{1001}",
    "/(?:a|bc){1000}x{999}y{999}z{999}v{999}w{999}u{999}t{999}s{999}",
)


def config_with(pattern: str) -> str:
    route = PlannedRoute(
        name="r",
        upstream="u",
        path=RoutePath(text=pattern, regex=True),
        headers={"x-v": (f"~*{pattern}",)},
        strip_path=True,
    )
    address = TcpAddress("127.0.0.1", 9)
    plan = EnvoyPlan(
        listen=TcpAddress("127.0.0.1", 0),
        authsvc=address,
        analytics=None,
        upstreams=(Upstream(name="u", address=address),),
        routes=(route,),
    )
    return json.dumps(bootstrap(plan))


def takes(config: str, folder: Path) -> bool:
    file = folder / "envoy.json"
    file.write_text(config)
    envoy = [find_envoy(), "--mode", "validate", "-l", "critical", "-c", file]
    return subprocess.run(envoy, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("pattern", TAKEN)
def test_what_envoy_takes_is_taken(pattern: str, tmp_path: Path) -> None:
    assert is_taken(pattern)
    assert takes(config_with(pattern), tmp_path)


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_envoy_refuses_is_not(
    pattern: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not is_taken(pattern)
    assert capfd.readouterr() == ("", "")
    assert not takes(config_with(pattern), tmp_path)


def test_brackets_that_end_those_around_it_are_not_taken() -> None:
    assert not is_taken("/a)|(b")  # in the brackets of a route it would be an expression


def test_what_is_no_text_is_not_taken() -> None:
    assert not is_taken("/\udc80")
