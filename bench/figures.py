"""What was found out: medians by scene and contender, and questions that are asked of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.direct import MANY_KEYS, ONE_KEY
from bench.measurement import Stretch, Summary, summarize


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians; what was not measured is None, and so is all that depends on it."""

    summaries: Mapping[str, Mapping[str, Summary]]  # by scene and contender
    worker_mb: float | None = None  # resident memory of a worker of the real product

    @classmethod
    def of(
        cls, seen: Mapping[str, Mapping[str, Sequence[Stretch]]], *, worker_mb: float | None = None
    ) -> "Figures":
        """Summarize all rounds."""
        return cls(
            {
                scene: {name: summarize(stretches) for name, stretches in contenders.items()}
                for scene, contenders in seen.items()
            },
            worker_mb,
        )

    @property
    def direct(self) -> str:
        """The scene that stands for checks without Envoy: h2load's, where there is one."""
        return ONE_KEY if ONE_KEY in self.summaries else MANY_KEYS

    def find(self, scene: str, name: str) -> Summary | None:
        """Return what one contender did in a scene."""
        return self.summaries.get(scene, {}).get(name)

    def names(self) -> list[str]:
        """Return everybody who took part somewhere, in the order of the scenes."""
        return list(dict.fromkeys(name for scene in self.summaries.values() for name in scene))

    def rate_ratio(self, scene: str, name: str, other: str) -> float | None:
        """Return how many times as much one answers as another."""
        return _ratio(self.find(scene, name), self.find(scene, other), lambda seen: seen.rate)

    def cpu_ratio(self, scene: str, name: str, other: str, process: str) -> float | None:
        """Return how many times as much CPU the process of one takes for an answer."""
        return _ratio(
            self.find(scene, name), self.find(scene, other), lambda seen: seen.cpu_us[process]
        )

    def added_p50_ms(self, scene: str, name: str, other: str) -> float | None:
        """Return by how much longer half of the answers of one take at least."""
        one, two = self.find(scene, name), self.find(scene, other)
        return None if one is None or two is None else one.p50_ms - two.p50_ms


def _ratio(
    one: Summary | None, other: Summary | None, figure: Callable[[Summary], float]
) -> float | None:
    if one is None or other is None:
        return None
    base = figure(other)
    # With the edge cache a server may have had nothing to do.
    return figure(one) / base if base else None
