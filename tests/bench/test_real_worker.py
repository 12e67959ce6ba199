"""The figure of a real worker is found in what is printed of it."""

from bench.real_worker import read_resident_mb

PRINTED = """\
product started, worker ready   9.8 s
worker started, ready           5.3 s  RSS   62.1 MiB  PSS   41.8 MiB
10,000 keys known                       RSS   54.6 MiB  PSS   44.9 MiB
10,000 answers prepared                 RSS   84.8 MiB  PSS   64.7 MiB
"""


def test_the_memory_is_that_with_all_keys_known() -> None:
    assert read_resident_mb(PRINTED) == 54.6


def test_without_it_there_is_no_figure() -> None:
    assert read_resident_mb("something else") is None
