"""The figures as a picture."""

from pathlib import Path
from typing import Literal

from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.figures import Figures
from bench.gateway import ALL_SETUPS, MANY, SINGLE, Setup
from bench.machine import Machine
from bench.roster import (
    API_KEY_AUTH,
    BARE,
    COMPILED,
    EDGE_CACHE,
    FAST_LANE,
    FLOOR,
    GRPCIO,
    HTTP,
    NO_FILTER,
    PLAIN,
)
from bench.scenes import ENVOY, SERVER

# Others' in greys, ours in colours that also differ in brightness (Okabe and Ito).
_COLOURS = {
    NO_FILTER: "#d9d9d9",
    API_KEY_AUTH: "#a6a6a6",
    PLAIN: "#595959",
    FLOOR: "#808080",
    BARE: "#404040",
    GRPCIO: "#56b4e9",
    HTTP: "#cc79a7",
    FAST_LANE: "#e69f00",
    COMPILED: "#d55e00",
    EDGE_CACHE: "#009e73",
}
_ENVOY_COLOUR = "#bdbdbd"
_INK = "#333333"
_SIZE = (15, 11)  # inches
_DOTS_PER_INCH = 130
_SMALL = 9  # points
_CENTILES = (("p50", "o"), ("p99", "s"), ("p99.9", "D"))
_PLAIN_NUMBERS = ticker.FuncFormatter(lambda value, _: f"{value:,.10g}")


def draw(figures: Figures, *, machine: Machine, path: Path) -> Path:
    """Draw what was measured into a PNG file; return its path."""
    figure = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    (direct, rates), (latency, cost) = figure.subplots(2, 2)
    _draw_direct(direct, figures)
    # h2load may not be here, and not everything is always measured.
    for axes, scenes, fill in (
        (rates, [setup.scene for setup in ALL_SETUPS], _draw_rates),
        (latency, [SINGLE.scene], _draw_latencies),
        (cost, [MANY.scene], _draw_costs),
    ):
        if figures.summaries.keys() & scenes:
            fill(axes, figures)
        else:
            axes.set_axis_off()
    figure.suptitle("What a check costs", fontsize=17, fontweight="bold", color=_INK)
    figure.supxlabel(machine.line, fontsize=9, color=_INK)
    figure.savefig(path, dpi=_DOTS_PER_INCH)
    return path


def _draw_direct(axes: Axes, figures: Figures) -> None:
    """Checks for each second of the server's CPU."""
    rows = figures.summaries.get(figures.direct, {})
    per_core = {name: 1e6 / seen.cpu_us[SERVER] for name, seen in rows.items()}
    names = sorted(per_core, key=per_core.__getitem__)
    values = [per_core[name] for name in names]
    bars = axes.barh(names, values, color=[_COLOURS[name] for name in names])
    base = per_core.get(PLAIN)
    texts = [f"{value:,.0f}" + (f"  ({value / base:.1f}x)" if base else "") for value in values]
    axes.bar_label(bars, texts, padding=4, fontsize=_SMALL, color=_INK)
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 2, max(values) * 6)
    axes.xaxis.set_major_formatter(_PLAIN_NUMBERS)
    _finish(axes, "Without Envoy", "checks per second of the server's CPU (log)")


def _draw_rates(axes: Axes, figures: Figures) -> None:
    """Requests a second through Envoy, a group of bars for each setup."""
    setups = [setup for setup in ALL_SETUPS if setup.scene in figures.summaries]
    names = _behind_envoy(figures)
    width = 0.84 / max(1, len(names))
    for place, name in enumerate(names):
        offset = (place - (len(names) - 1) / 2) * width
        found = [figures.find(setup.scene, name) for setup in setups]
        heights = [seen.rate if seen else 0 for seen in found]
        places = [number + offset for number in range(len(setups))]
        axes.bar(places, heights, width * 0.92, color=_COLOURS[name], label=name)
    axes.set_xticks(range(len(setups)), [_short(setup) for setup in setups])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(_PLAIN_NUMBERS)
    axes.legend(fontsize=_SMALL, ncols=2, frameon=False, loc="upper left")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * 6)  # room for the legend
    _finish(axes, "Through Envoy", "requests a second (log)", along="y")


def _draw_latencies(axes: Axes, figures: Figures) -> None:
    """How long answers take for a client that asks one thing after the other."""
    names = list(reversed(_behind_envoy(figures)))
    for place, name in enumerate(names):
        seen = figures.find(SINGLE.scene, name)
        if seen is None:
            continue
        values = [seen.p50_ms, seen.p99_ms, seen.p999_ms]
        axes.plot(values, [place] * len(values), color=_COLOURS[name], linewidth=2, zorder=1)
        for value, (_, marker) in zip(values, _CENTILES, strict=True):
            axes.scatter(
                value, place, marker=marker, s=70, color=_COLOURS[name], edgecolor=_INK, zorder=2
            )
        axes.annotate(
            f"{seen.p50_ms:.2f}",
            (seen.p50_ms, place),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=_SMALL,
            color=_INK,
        )
    for text, marker in _CENTILES:
        axes.scatter([], [], marker=marker, color="white", edgecolor=_INK, label=text)
    axes.legend(fontsize=_SMALL, ncols=3, frameon=False, loc="upper right")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) + 0.2)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(_PLAIN_NUMBERS)
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    _finish(axes, f"{SINGLE.title}: latency", "milliseconds (log); p50 is written out")


def _draw_costs(axes: Axes, figures: Figures) -> None:
    """The CPU of a request, Envoy's and the server's."""
    names = [name for name in reversed(_behind_envoy(figures)) if figures.find(MANY.scene, name)]
    costs = [figures.summaries[MANY.scene][name].cpu_us for name in names]
    envoy = [cost[ENVOY] for cost in costs]
    server = [cost.get(SERVER, 0.0) for cost in costs]
    axes.barh(names, envoy, color=_ENVOY_COLOUR, label="Envoy")
    bars = axes.barh(
        names, server, left=envoy, color=[_COLOURS[name] for name in names], label="server"
    )
    texts = [f"{one:.0f}" + (f" + {two:.0f}" if two else "") for one, two in zip(envoy, server)]  # noqa: B905 - of one list
    axes.bar_label(bars, texts, padding=4, fontsize=_SMALL, color=_INK)
    axes.margins(x=0.16)
    _finish(axes, f"{MANY.title}: CPU", "µs of CPU for each request, Envoy (grey) + server")


def _behind_envoy(figures: Figures) -> list[str]:
    scenes = [setup.scene for setup in ALL_SETUPS]
    found = (name for scene in scenes for name in figures.summaries.get(scene, {}))
    return list(dict.fromkeys(found))


def _short(setup: Setup) -> str:
    return f"{setup.workers} worker{'s'[: setup.workers > 1]}\n{setup.connections} conn."


def _finish(axes: Axes, title: str, unit: str, *, along: Literal["x", "y"] = "x") -> None:
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=_INK)
    (axes.set_xlabel if along == "x" else axes.set_ylabel)(unit, fontsize=10, color=_INK)
    axes.grid(axis=along, which="major", color="#e5e5e5", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=_SMALL, colors=_INK)
    axes.spines[["top", "right"]].set_visible(False)
