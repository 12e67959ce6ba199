import pytest

from analytics.collector import Answer, outcome_of
from analytics.metrics import PostOutcome

OUTCOMES = {
    PostOutcome.ACCEPTED: [200, 201, 202, 204, 207],
    PostOutcome.RETRY: [408, 425, 429, 500, 502, 503, 504, 599, 0, 102, 999],
    PostOutcome.REFUSED: [401, 402, 403, 301, 302, 307, 308],
    PostOutcome.SPLIT: [400, 413],
    PostOutcome.REJECTED: [404, 405, 406, 410, 415, 422],
}


def test_every_outcome_has_an_answer() -> None:
    assert set(OUTCOMES) == set(PostOutcome)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(status, outcome) for outcome, statuses in OUTCOMES.items() for status in statuses],
)
def test_a_status_means_what_the_api_says(status: int, outcome: PostOutcome) -> None:
    assert outcome_of(Answer(status)) is outcome
