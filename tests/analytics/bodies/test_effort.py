from analytics.bodies.effort import Effort


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_what_was_spent_comes_back_by_its_share() -> None:
    clock = Clock()
    effort = Effort(share=0.5, now=clock)
    assert effort.is_left

    with effort.spending():
        clock.time += 3
    assert not effort.is_left  # 1 at first, 1.5 of the 3 seconds, and 3 spent

    clock.time += 1.1
    assert effort.is_left


def test_a_pause_saves_up_no_more_than_a_second() -> None:
    clock = Clock()
    effort = Effort(share=0.5, now=clock)
    clock.time += 3600

    assert effort.is_left
    with effort.spending():
        clock.time += 2.1
    assert not effort.is_left
