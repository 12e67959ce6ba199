"""What a load wrote down is counted as it was."""

import pytest

from bench.request_log import Latencies, centiles, read_window, write_log

# Sent after so many seconds, answered rightly, and after how many seconds.
ROWS = [
    (99.5, True, 0.4),  # answered before
    (99.8, True, 0.4),
    (99.9, True, 0.2),
    (100.5, True, 0.3),
    (101.5, True, 0.4),
    (101.9, True, 0.2),  # answered after
]


def test_what_was_answered_in_the_time_counts_whenever_it_was_asked() -> None:
    window = read_window(write_log(ROWS).splitlines(), begin=100.0, end=102.0)

    assert window is not None
    assert (window.answers, window.wrong) == (4, 0)
    assert window.latencies == Latencies(p50=0.3, p99=0.4, p999=0.4)


def test_a_wrong_answer_counts_whenever_it_came() -> None:
    rows = [(1.0, False, 0.1), *ROWS, (200.0, False, 0.1)]

    window = read_window(write_log(rows).splitlines(), begin=100.0, end=102.0)

    assert window is not None
    assert window.wrong == 2


# As h2load 1.52 wrote it; -1 stands for a stream that was reset.
@pytest.mark.parametrize("status", ["503", "401", "-1"])
def test_every_status_but_ok_is_wrong(status: str) -> None:
    log = ["1795309906184401\t200\t3462\n", f"1795309906184402\t{status}\t3524\n"]

    window = read_window(log, begin=1795309906, end=1795309907)

    assert window is not None
    assert (window.answers, window.wrong) == (2, 1)


def test_a_time_without_answers_has_no_figures() -> None:
    assert read_window(write_log(ROWS).splitlines(), begin=300.0, end=301.0) is None


def test_centiles_are_values_that_were_seen() -> None:
    thousand = list(range(1, 1001))

    found = centiles(list(reversed(thousand)))

    assert found == Latencies(p50=500e-6, p99=990e-6, p999=999e-6)
    assert centiles([7]) == Latencies(p50=7e-6, p99=7e-6, p999=7e-6)
