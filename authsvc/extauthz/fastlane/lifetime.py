"""How long a connection may go on: what is due by the clock."""

from authsvc.extauthz.fastlane.limits import Limits


class Lifetime:
    """The times of one connection, in seconds of a clock that never goes back.

    Attributes:
        now: What it was told last.
    """

    __slots__ = ("_idle_since", "_limits", "_opened", "now")

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self.now = self._opened = self._idle_since = now

    @property
    def is_old(self) -> bool:
        """Whether its peer is to be asked to go."""
        age = self._limits.age_seconds
        return age is not None and self.now - self._opened >= age

    @property
    def is_overdue(self) -> bool:
        """Whether its peer has had the time to go, or at least to answer."""
        age = self._limits.age_seconds
        grace = self._limits.request_seconds
        return age is not None and self.now - self._opened >= age + grace

    @property
    def is_idle(self) -> bool:
        """Whether nothing was asked for too long."""
        return self.now - self._idle_since >= self._limits.idle_seconds

    @property
    def is_too_slow(self) -> bool:
        """Whether a peer that has not greeted takes too long to do it."""
        return self.now - self._opened >= self._limits.greeting_seconds

    def use(self) -> None:
        """Note that there is, or was until now, a request."""
        self._idle_since = self.now

    def is_late(self, opened: float) -> bool:
        """Tell whether a request of that time has taken too long."""
        return self.now - opened >= self._limits.request_seconds
