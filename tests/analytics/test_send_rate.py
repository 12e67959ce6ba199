from analytics.send_rate import SendRate


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_batch_is_paid_for_by_the_wait_behind_it() -> None:
    clock = Clock()
    rate = SendRate(clock)
    assert rate.wait(10) == 0
    rate.spend(50)
    assert rate.wait(10) == 5
    clock.now += 3
    assert rate.wait(10) == 2
    clock.now += 2
    assert rate.wait(10) == 0


def test_time_without_events_is_not_saved_up() -> None:
    clock = Clock()
    rate = SendRate(clock)
    rate.wait(10)
    rate.spend(10)
    clock.now += 60
    rate.spend(10)
    assert rate.wait(10) == 1


def test_without_a_limit_nothing_waits() -> None:
    rate = SendRate(Clock())
    assert rate.wait(None) == 0
    rate.spend(1_000_000)
    assert rate.wait(None) == 0


def test_another_rate_counts_from_its_beginning() -> None:
    rate = SendRate(Clock())
    rate.wait(1)
    rate.spend(1_000)
    assert rate.wait(1) == 1_000
    assert rate.wait(100) == 0
    rate.spend(50)
    assert rate.wait(100) == 0.5
    assert rate.wait(None) == 0
