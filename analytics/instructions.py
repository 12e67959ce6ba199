"""What Moesif wants done for one application id: how to sample, and which rules to enforce."""

from dataclasses import dataclass, field

from analytics.app_config import AppConfig
from analytics.cohorts import Cohorts
from analytics.governance import Rulebook
from analytics.sampling import Sampling

_KEEP_ALL = Sampling()


@dataclass(frozen=True, slots=True)
class Instructions:
    """The instructions of one moment; by default none were ever received.

    Attributes:
        config: None: there never was a good one.
        rulebook: Empty where there never were good rules, or nobody wants them.
    """

    config: AppConfig | None = None
    rulebook: Rulebook = field(default_factory=Rulebook)

    @property
    def sampling(self) -> Sampling:
        """How to sample; before the first configuration everything is kept."""
        return self.config.sampling if self.config else _KEEP_ALL

    @property
    def cohorts(self) -> Cohorts | None:
        """Who is in which cohort; None: nobody knows yet, which is not the same as nobody is."""
        return self.config.cohorts if self.config else None


NEVER_TOLD = Instructions()
