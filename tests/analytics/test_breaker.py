from analytics.backoff import Backoff
from analytics.breaker import OPENS_AFTER, Breaker
from analytics.metrics import BreakerState, PostOutcome


def breaker() -> Breaker:
    return Breaker(Backoff(chance=lambda: 1.0))


def test_some_failures_in_a_row_open_it_and_the_waits_grow() -> None:
    tested = breaker()
    waits = [tested.failed(PostOutcome.RETRY, None) for _ in range(OPENS_AFTER - 1)]
    assert tested.state is BreakerState.CLOSED
    waits.append(tested.failed(PostOutcome.RETRY, None))
    assert tested.state is BreakerState.OPEN
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_a_refused_application_id_opens_it_at_once() -> None:
    tested = breaker()
    assert tested.failed(PostOutcome.REFUSED, None) == 75.0
    assert tested.state is BreakerState.OPEN


def test_after_the_wait_one_request_decides() -> None:
    tested = breaker()
    tested.failed(PostOutcome.REFUSED, None)
    tested.waited()
    assert tested.state is BreakerState.HALF_OPEN
    tested.failed(PostOutcome.REFUSED, None)
    assert tested.state is BreakerState.OPEN
    tested.waited()
    tested.succeeded()
    assert tested.state is BreakerState.CLOSED


def test_failures_that_are_not_in_a_row_do_not_add_up() -> None:
    tested = breaker()
    for _ in range(3 * OPENS_AFTER):
        tested.failed(PostOutcome.RETRY, None)
        tested.waited()
        tested.succeeded()
    assert tested.failed(PostOutcome.RETRY, None) == 0.5
    assert tested.state is BreakerState.CLOSED


def test_what_the_collector_asks_for_is_kept_to() -> None:
    assert breaker().failed(PostOutcome.REFUSED, 7.0) == 7.5
