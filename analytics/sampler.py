"""Draws for each event of one configuration, by what Moesif last said."""

import random
from collections.abc import Callable

from analytics.bodies.captured import Bodies
from analytics.identify import Identity
from analytics.instructions import Instructions
from analytics.logged_call import LoggedCall
from analytics.record import AccessRecord
from analytics.sampling import KEPT, Draw


class Sampler:
    """Decides which events are sent.

    Args:
        instructions: Returns what is in force now.
        trusts_headers: Whether a client's address may be taken from headers.
        chance: Returns a number in [0, 1).
    """

    def __init__(
        self,
        instructions: Callable[[], Instructions],
        *,
        trusts_headers: bool,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._instructions = instructions
        self._trusts_headers = trusts_headers
        self._chance = chance

    def draw(self, identity: Identity, record: AccessRecord, bodies: Bodies) -> Draw:
        """Return what becomes of the event of a call."""
        sampling = self._instructions().sampling
        if sampling.keeps_all:
            return KEPT
        call = LoggedCall(record, trusts_headers=self._trusts_headers, body=bodies.request)
        return sampling.draw(identity, call, 100 * self._chance())
