"""What authsvc counts. Labels are from small fixed sets: never a key, a consumer or a path."""

from typing import Literal, Protocol

from authsvc.check_tally import CheckTally

Lookup = Literal["hit", "known_unknown", "miss"]


class AuthMetrics(Protocol):
    """Implemented by the process shell; every method is cheap and never raises."""

    def tally(
        self, *, result: str, reason: str, transport: str, lookup: Lookup | None = None
    ) -> CheckTally:
        """Return what counts checks of one outcome, for who counts many of them.

        Each counts as a look-up as well if ``lookup`` says as which.
        """

    def checked(self, *, result: str, reason: str, transport: str, seconds: float) -> None:
        """A request was answered: ``allow``, ``deny`` or ``error``, and why."""

    def looked_up(self, kind: Lookup) -> None:
        """A key was found in memory, known in memory to be unknown, or asked of the store."""

    def cached(self, *, credentials: int, unknown: int) -> None:
        """So many entries are in memory now."""

    def indexed(self, keys: int) -> None:
        """So many keys are known to exist, all of them; 0: not all are known."""

    def followed(self, *, connected: bool, seq: int) -> None:
        """The change log was read up to ``seq``, or could not be read."""

    def refused_sealed_value(self) -> None:
        """A stored credential did not open: somebody or something changed the row."""


class NullMetrics:
    """Counts nothing."""

    def tally(
        self,
        *,
        result: str,  # noqa: ARG002 - as the port has it
        reason: str,  # noqa: ARG002
        transport: str,  # noqa: ARG002
        lookup: Lookup | None = None,  # noqa: ARG002
    ) -> CheckTally:
        """Return what nobody takes anything from."""
        return CheckTally((), wake=_sleep_on)

    def checked(self, *, result: str, reason: str, transport: str, seconds: float) -> None:
        """Do nothing."""

    def looked_up(self, kind: Lookup) -> None:
        """Do nothing."""

    def cached(self, *, credentials: int, unknown: int) -> None:
        """Do nothing."""

    def indexed(self, keys: int) -> None:
        """Do nothing."""

    def followed(self, *, connected: bool, seq: int) -> None:
        """Do nothing."""

    def refused_sealed_value(self) -> None:
        """Do nothing."""


def _sleep_on() -> None:
    """Do nothing."""
