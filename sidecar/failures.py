"""Which errors an operator can mend, what they read, and how the program ends."""

from dataclasses import dataclass

from authsvc.errors import (
    AuthServiceError,
    DatabaseUrlError,
    PolicyError,
    RecoveryKeyError,
    RootKeyError,
    SchemaVersionError,
)
from sidecar.errors import SettingsError, SidecarError

FAILED = 1
MISCONFIGURED = 2


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the operator is told, in a line; the exit code."""

    text: str
    exit_code: int


def explain(error: BaseException) -> Explanation | None:
    """Return what to tell about an error, or None: it is a fault of ours, show its traceback.

    A group of errors is what its first explicable one is.
    """
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(explain, error.exceptions)), None)
    for kind, exit_code in _EXIT_CODES.items():
        if isinstance(error, kind):
            return Explanation(_line(error), exit_code)
    return None


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


# The first that fits counts.
_EXIT_CODES: dict[type[BaseException], int] = {
    SettingsError: MISCONFIGURED,
    DatabaseUrlError: MISCONFIGURED,
    RootKeyError: MISCONFIGURED,
    RecoveryKeyError: MISCONFIGURED,
    SchemaVersionError: MISCONFIGURED,
    PolicyError: MISCONFIGURED,
    SidecarError: FAILED,
    AuthServiceError: FAILED,
}
