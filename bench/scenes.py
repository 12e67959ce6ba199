"""Scenes: what is compared side by side, in rounds, so that a busy machine disturbs all alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.measurement import Load, Stretch, Timing, WrongAnswersError, measure

SERVER, ENVOY = "server", "envoy"  # names under which processes are watched

Stretches = Mapping[str, Mapping[str, Sequence[Stretch]]]  # by scene and contender


@dataclass(frozen=True, slots=True)
class Trial:
    """One contender in one scene: its load, on which cores, and the processes it costs."""

    load: Load
    watched: Mapping[str, int]
    cores: frozenset[int]


@dataclass(frozen=True, slots=True)
class Scene:
    """Contenders under the same load, by name."""

    name: str
    title: str
    trials: Mapping[str, Trial]


async def play(
    scenes: Sequence[Scene], *, rounds: int, timing: Timing, tell: Callable[[str], None]
) -> dict[str, dict[str, list[Stretch]]]:
    """Put each load on once a round, in an order that is reversed every round.

    Raises:
        WrongAnswersError: A contender answered wrongly; the text names it.
    """
    seen: dict[str, dict[str, list[Stretch]]] = {
        scene.name: {name: [] for name in scene.trials} for scene in scenes
    }
    for number in range(rounds):
        for scene in scenes:
            names = list(scene.trials)
            for name in names if number % 2 == 0 else reversed(names):
                seen[scene.name][name].append(await _try(scene, name, timing))
        tell(f"round {number + 1} of {rounds} is done")
    return seen


async def _try(scene: Scene, name: str, timing: Timing) -> Stretch:
    trial = scene.trials[name]
    try:
        return await measure(
            trial.load, watched=trial.watched, cores=set(trial.cores), timing=timing
        )
    except (TimeoutError, WrongAnswersError, RuntimeError, ValueError) as error:
        raise type(error)(f"{name} ({scene.title}): {error}") from error
