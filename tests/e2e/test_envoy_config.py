"""The command that prints Envoy's configuration, asked as an operator would."""

import asyncio
from pathlib import Path

import yaml

from sidecar.envoy_process import find_envoy
from tests.fakes.product import TOLLKEEPER
from tests.fakes.stack import Stack


async def run(*command: str | Path) -> tuple[int, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out, errors


async def test_it_prints_what_the_admin_api_knows(stack: Stack, tmp_path: Path) -> None:
    status, printed, errors = await run(
        TOLLKEEPER, "envoy-config", "--admin-url", stack.product.admin_url
    )
    config = tmp_path / "envoy.yaml"
    config.write_bytes(printed)
    validated, _, why = await run(find_envoy(), "--mode", "validate", "-c", config)

    assert (status, errors) == (0, b"")
    assert validated == 0, why.decode()
    (listener,) = yaml.safe_load(printed)["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    (everything,) = manager["route_config"]["virtual_hosts"]
    names = [route["name"] for route in everything["routes"]]
    assert names.index("calls") < names.index("hiding")  # gRPC first, also where paths are shorter
    assert {"hiding", "header-only", "open"} <= set(names)
    assert names[-1] == "open"  # the shortest path last


async def test_an_admin_api_that_is_away_is_one_line(tmp_path: Path) -> None:
    status, printed, errors = await run(
        TOLLKEEPER, "envoy-config", "--admin-url", "http://127.0.0.1:1"
    )

    assert (status, printed) == (1, b"")
    assert len(errors.splitlines()) == 1
    assert b"http://127.0.0.1:1 cannot be reached" in errors


async def test_wrong_usage_is_one_line(tmp_path: Path) -> None:
    status, printed, errors = await run(TOLLKEEPER, "envoy-config", "--upstream", "localhost")

    assert (status, printed) == (2, b"")
    assert len(errors.splitlines()) == 1
