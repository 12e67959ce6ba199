"""Fixtures for the analytics tests."""

import pytest

from tests.fakes.counting_metrics import CountingMetrics


@pytest.fixture
def metrics() -> CountingMetrics:
    """Metrics that count."""
    return CountingMetrics()
