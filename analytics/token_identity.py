"""Whom the credential in a header names, as one configuration says; unverified.

Of the configured headers the first that is present counts, whether it yields anything or not.
"""

from collections.abc import Callable

from analytics.config import MoesifConfig
from analytics.credential import read_credential

Ids = tuple[str | None, str | None]  # of the user, and of the company
NOBODY: Ids = (None, None)


class TokenIdentity:
    """Reads who it is, from whatever has headers.

    Attributes:
        headers: The names of the headers that it reads, in lower case; without one of them there is
            nobody.
        tells_company: Whether a claim is configured that names a company.
    """

    def __init__(self, config: MoesifConfig) -> None:
        names = (config.authorization_header_name or "").split(",")
        self.headers = tuple(name for each in names for name in spellings("".join(each.split())))
        self._user_claim = config.authorization_user_id_field
        self._company_claim = config.authorization_company_id_field
        self.tells_company = self._company_claim is not None

    def read(self, header: Callable[[str], str | None]) -> Ids:
        """Return the user and the company; never raises.

        Args:
            header: Returns the value of a header, by its name in lower case.
        """
        for name in self.headers:
            value = header(name)
            if value is not None:
                claims = read_credential(value)
                user = claims.user or claims.text(self._user_claim)
                return user, claims.text(self._company_claim)
        return NOBODY


def spellings(name: str | None) -> tuple[str, ...]:
    """Return what a configured header may be called: nginx takes ``_`` for ``-``."""
    if not name:
        return ()
    lowered = name.strip().lower()
    return tuple(dict.fromkeys((lowered, lowered.replace("_", "-"))))
