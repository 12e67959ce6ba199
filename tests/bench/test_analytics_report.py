"""Figures of machines of different speed compare by what the straightforward version takes."""

from bench.analytics.measurement import Summary
from bench.analytics.report import compare

NAMES = {"plain": "as one writes it", "ours": "ours"}


def summary(cpu_us: float) -> Summary:
    return Summary(
        entries_per_second=1.0, cpu_us_per_entry=cpu_us, resident_mb=1.0, load_cpu_share=0.1
    )


def test_a_machine_of_half_the_speed_shows_the_same_figure() -> None:
    slow = {("plain", "1 MiB"): summary(364.0), ("ours", "1 MiB"): summary(100.0)}
    fast = {("plain", "1 MiB"): summary(182.0), ("ours", "1 MiB"): summary(50.0)}

    for seen in (slow, fast):
        goal, line = compare(seen, names=NAMES, reference="plain")
        assert goal == "The goal: 40 µs of CPU where as one writes it takes 182."
        assert line.startswith("ours, 1 MiB: 50.0 µs there")
        assert line.endswith("20,000 entries/s on one core")
