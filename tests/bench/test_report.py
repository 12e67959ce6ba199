"""Tables have a line for everybody, whatever was measured of them."""

import pytest

from bench.direct import ONE_KEY
from bench.figures import Figures
from bench.gateway import MANY
from bench.measurement import Cost, Stretch
from bench.report import show_lines, show_scene
from bench.roster import EDGE_CACHE, FAST_LANE, NO_FILTER, PLAIN
from bench.scenes import Scene


def stretch(**cpu_seconds: float) -> list[Stretch]:
    costs = {
        name: Cost(cpu_seconds=seconds, resident_bytes=7 * 2**20)
        for name, seconds in cpu_seconds.items()
    }
    return [
        Stretch(
            answers=1000,
            seconds=1.0,
            p50=0.001,
            p99=0.002,
            p999=0.003,
            costs=costs,
            load_cpu_share=0.25,
            others_cpu_share=0.0,
        )
    ]


SEEN = {
    ONE_KEY: {PLAIN: stretch(server=0.4), FAST_LANE: stretch(server=0.02)},
    MANY.scene: {
        NO_FILTER: stretch(envoy=0.03),
        PLAIN: stretch(envoy=0.2, server=0.4),
        FAST_LANE: stretch(envoy=0.15, server=0.02),
        EDGE_CACHE: stretch(envoy=0.07, server=0.0),  # nothing was left to ask
    },
}


def lines(text: str) -> dict[str, list[str]]:
    """Return the cells of each line that has some, by the first."""
    rows = (line.strip(" │").split("│") for line in text.splitlines() if line.startswith("│"))
    return {name.strip(): [cell.strip() for cell in cells] for name, *cells in rows}


def test_a_scene_shows_what_each_process_took(capsys: pytest.CaptureFixture[str]) -> None:
    figures = Figures.of(SEEN)

    show_scene(Scene(MANY.scene, MANY.title, {}), figures)

    shown = lines(capsys.readouterr().out)
    assert shown[FAST_LANE] == [
        *("1,000", "1.00", "1.00", "2.00", "3.00"),
        *("20.0", "20.0", "150.0", "7", "7", "25%", "0%"),
    ]
    assert shown[EDGE_CACHE][5:8] == ["0.0", "", "70.0"]
    assert shown[NO_FILTER][5:8] == ["", "", "30.0"]


def test_everybody_has_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_lines(Figures.of(SEEN))

    shown = lines(capsys.readouterr().out)
    assert shown[FAST_LANE][:3] == ["1,000", "20.0", "20.0"]
    assert {FAST_LANE, EDGE_CACHE, NO_FILTER} <= shown.keys()


def test_a_scene_without_envoy_has_no_column_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    show_scene(Scene(ONE_KEY, "Direct", {}), Figures.of(SEEN))

    printed = capsys.readouterr().out
    assert "per CPU s" in printed
    assert "Envoy" not in printed
