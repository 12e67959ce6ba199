"""A tiny bench runs from its start to its plot."""

import json
import struct
from pathlib import Path

import pytest

from bench import h2load
from bench.__main__ import check_agreement
from bench.direct import MANY_KEYS, ONE_KEY, direct_scenes
from bench.figures import Figures
from bench.gateway import SINGLE, gateway_scenes
from bench.goals import judge
from bench.machine import look_at_machine
from bench.measurement import Timing
from bench.plot import draw
from bench.processes import started_together
from bench.report import save, show_lines, show_scene, show_verdicts
from bench.roster import API_KEY_AUTH, CONTENDERS, FAST_LANE, NO_FILTER, PLAIN
from bench.scenes import SERVER, play
from sidecar.envoy_process import EnvoyError, find_envoy

TIMING = Timing(seconds=0.1, warm_up=0.02)


def has_envoy() -> bool:
    try:
        find_envoy()
    except EnvoyError:
        return False
    return True


@pytest.mark.skipif(not h2load.is_here(), reason=h2load.MISSING)
@pytest.mark.skipif(not has_envoy(), reason="asks through an Envoy")
async def test_a_tiny_bench_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = {name: CONTENDERS[name].command for name in (PLAIN, FAST_LANE)}
    with started_together(commands) as servers:
        await check_agreement(servers)
        scenes = await direct_scenes(servers, is_short=False)
        seen = await play(scenes, rounds=1, timing=TIMING, tell=[].append)
        async with gateway_scenes(servers, [SINGLE], folder=tmp_path) as through_envoy:
            seen |= await play(through_envoy, rounds=1, timing=TIMING, tell=[].append)

    assert {scene: set(names) for scene, names in seen.items()} == {
        ONE_KEY: {PLAIN, FAST_LANE},
        MANY_KEYS: {PLAIN, FAST_LANE},
        SINGLE.scene: {NO_FILTER, API_KEY_AUTH, PLAIN, FAST_LANE},
    }
    figures, machine = Figures.of(seen), look_at_machine()
    ratio = figures.cpu_ratio(ONE_KEY, FAST_LANE, PLAIN, SERVER)
    assert ratio is not None
    assert ratio < 1
    for scene in [*scenes, *through_envoy]:
        show_scene(scene, figures)
    show_lines(figures)
    show_verdicts(verdicts := list(judge(figures)))
    assert capsys.readouterr().out.count(FAST_LANE) >= len(seen)
    saved = save(
        seen, figures, machine=machine, plan=TIMING, verdicts=verdicts, folder=tmp_path / "results"
    )
    assert json.loads(saved.read_bytes())["machine"]["cores"] == machine.cores
    drawn = draw(figures, machine=machine, path=tmp_path / "plot.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")
    assert struct.unpack(">II", drawn[16:24]) > (1000, 1000)
