"""Says what of a configuration is valid, and yet cannot do what it says: each thing once."""

from collections.abc import Iterable

import structlog

from analytics.masking import CredentialNames
from analytics.token_identity import spellings
from sidecar.moesif_source import MoesifSetup

_NAMING_HEADERS = ("user_id_header", "company_id_header", "api_version_header")

_log = structlog.get_logger(__name__)


class SetupWarnings:
    """Remembers what was said already, as long as it stays so."""

    def __init__(self) -> None:
        self._said: frozenset[tuple[str, str]] = frozenset()

    def tell(self, setup: MoesifSetup) -> None:
        """Warn of what is new in a configuration."""
        wrong = frozenset(_headers_with_keys(setup))
        for label, option in sorted(wrong - self._said):
            _log.warning(
                "an option names a header that carries credentials: it is not read",
                plugin=label,
                option=option,
            )
        self._said = wrong


def _headers_with_keys(setup: MoesifSetup) -> Iterable[tuple[str, str]]:
    credentials = CredentialNames(setup.credential_names)
    for scope in setup.scopes:
        for option in _NAMING_HEADERS:
            if any(name in credentials for name in spellings(getattr(scope.config, option))):
                yield scope.label, option
