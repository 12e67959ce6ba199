"""The engine against a client that is not ours, which raises on whatever the engine does wrong."""

from collections.abc import Callable
from random import Random

from h2.settings import SettingCodes
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.fakes.h2_pair import Pair

EVERYTHING = 2**31
CHANGES = [
    {SettingCodes.INITIAL_WINDOW_SIZE: 0},
    {SettingCodes.INITIAL_WINDOW_SIZE: 100},
    {SettingCodes.INITIAL_WINDOW_SIZE: 1_000_000},
    {SettingCodes.HEADER_TABLE_SIZE: 0},
    {SettingCodes.HEADER_TABLE_SIZE: 100, SettingCodes.INITIAL_WINDOW_SIZE: 65_535},
    {SettingCodes.HEADER_TABLE_SIZE: 65_535},
    {SettingCodes.MAX_FRAME_SIZE: 2**24 - 1},
]


def number(chance: Random) -> int:
    return 2 * chance.randrange(6) + 1


def body(chance: Random) -> bytes:
    return bytes(chance.choice((0, 1, 60, 5000, 40_000)))


def padding(chance: Random) -> int | None:
    return chance.choice((None, None, 0, 7, 255))


def ends(chance: Random) -> bool:
    return chance.random() < 0.6


def share(chance: Random) -> int:
    return chance.choice((0, 5, 200, EVERYTHING, EVERYTHING))


ACTS: list[Callable[[Pair, Random], object]] = [
    lambda pair, c: pair.open(body(c), end=ends(c), padding=padding(c)),
    lambda pair, c: pair.open(body(c), end=ends(c), padding=padding(c)),
    lambda pair, c: pair.go_on(number(c), body(c), end=ends(c), padding=padding(c)),
    lambda pair, c: pair.go_on(number(c), body(c), end=ends(c), padding=padding(c)),
    lambda pair, c: pair.take_back(number(c)),
    lambda pair, c: pair.widen(c.choice((None, number(c))), c.choice((1, 100, 70_000))),
    lambda pair, c: pair.carry(share(c), back=share(c)),
    lambda pair, c: pair.carry(share(c), back=share(c)),
    lambda pair, c: pair.carry(share(c), back=share(c)),
    lambda pair, c: pair.change(c.choice(CHANGES)),
    lambda pair, c: pair.client.ping(c.randbytes(8)),
    lambda pair, c: pair.server.answer(number(c)),
    lambda pair, c: pair.server.answer(number(c)),
]


# What is drawn is a seed: of single choices hypothesis makes too many that lead nowhere.
@settings(max_examples=examples(150), phases=(Phase.explicit, Phase.generate))
@given(seed=st.integers(0, 2**32), gradual=st.booleans(), at_once=st.booleans())
def test_whatever_h2_does_it_is_answered_and_finds_no_fault(
    seed: int, gradual: bool, at_once: bool
) -> None:
    pair = Pair(gradual=gradual, at_once=at_once)
    chance = Random(seed)  # noqa: S311 - a test, to be repeated

    for _ in range(chance.randrange(60)):
        chance.choice(ACTS)(pair, chance)
    pair.settle()

    assert pair.terminated is None
    for each in pair.ended - pair.taken_back:
        assert each in pair.answered, each
        answer = pair.answers.get(each, b"")
        assert pair.bodies[each].startswith(answer) if gradual else answer == pair.bodies[each]
    assert set(pair.refused.values()) <= {0}  # answered before they were whole
    assert pair.connection.streams == len(pair.server.waiting)
