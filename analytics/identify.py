"""Who called: the user and the company of an event.

The first source that says something wins, for the user and for the company apart:

1. ``user_id`` / ``company_id`` of authsvc's verdict;
2. the request header that the configuration names;
3. (user) the consumer of authsvc's verdict: custom id, username, id; the anonymous consumer is
   nobody, as it is to governance;
4. the claims that Envoy's ``jwt_authn`` verified, where the configuration names its metadata;
5. the field of the client's certificate that the configuration names;
6. (user) logged ``x-consumer-*`` headers in the order of 3, only if they are to be trusted;
7. the credential in the first of the configured authorization headers that is present, as it was
   logged, or as authsvc read it (``token_user_id`` / ``token_company_id`` of its verdict);
8. the response header that the configuration names.

An empty value says nothing, and a header that carries credentials is never an id.  Nothing is
verified but 1, 3, 4 and 5: this is analytics, never a decision about access.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from analytics.certificate import CertificateField, Certified, certificate_field
from analytics.config import MoesifConfig
from analytics.credential import Claims
from analytics.masking import CredentialNames
from analytics.record import Verdict
from analytics.token_identity import TokenIdentity, spellings

_CONSUMER_HEADERS = ("x-consumer-custom-id", "x-consumer-username", "x-consumer-id")


class Identity(msgspec.Struct, frozen=True, gc=False):
    """The user and the company of a call; None where nobody is known."""

    user_id: str | None = None
    company_id: str | None = None


class Identifiable(Certified, Protocol):
    """What tells who called: an entry of the log, or a request that is only being checked."""

    @property
    def verdict(self) -> Verdict | None:
        """What authsvc found out; None: it was not asked."""

    @property
    def request_headers(self) -> Mapping[str, str]:
        """By their names in lower case; repeated ones joined by commas."""

    @property
    def response_headers(self) -> Mapping[str, str]:
        """The same of the answer; none while there is none."""

    @property
    def jwt_payloads(self) -> Mapping[str, Any] | None:
        """What Envoy's jwt_authn verified, by the names of its metadata."""


class Identifier:
    """Identifies callers as one configuration says."""

    def __init__(self, config: MoesifConfig, credentials: CredentialNames) -> None:
        # Named by mistake, a header with a key would send keys in clear as ids.
        self._user_header = _without(credentials, spellings(config.user_id_header))
        self._company_header = _without(credentials, spellings(config.company_id_header))
        self._trusts_consumer_headers = config.trust_consumer_headers
        self._token = TokenIdentity(config)
        self._user_claim = config.authorization_user_id_field
        self._company_claim = config.authorization_company_id_field
        self._jwt_payload = config.jwt_payload_in_metadata
        self._user_in_certificate = _certificate(config.user_id_certificate_field)
        self._company_in_certificate = _certificate(config.company_id_certificate_field)

    def identify(self, record: Identifiable) -> Identity:
        """Return who made a request; never raises."""
        verdict = record.verdict or Verdict()
        request, response = record.request_headers, record.response_headers
        user = (
            verdict.user_id
            or _lookup(request, self._user_header)
            or (_consumer(verdict) if not verdict.anonymous else None)
            or self._verified(record, self._user_claim, self._user_in_certificate)
            or self._consumer_header(request)
        )
        company = (
            verdict.company_id
            or _lookup(request, self._company_header)
            or self._verified(record, self._company_claim, self._company_in_certificate)
        )
        if user is None or (company is None and self._token.tells_company):
            token_user, token_company = self._token.read(request.get)
            user = user or token_user or verdict.token_user_id
            company = company or token_company or verdict.token_company_id
        return Identity(
            user or _lookup(response, self._user_header),
            company or _lookup(response, self._company_header),
        )

    def _verified(
        self, record: Identifiable, claim: str | None, certificate: CertificateField | None
    ) -> str | None:
        found = None
        if self._jwt_payload is not None and record.jwt_payloads is not None:
            members = record.jwt_payloads.get(self._jwt_payload)
            found = Claims(members=members).text(claim) if isinstance(members, Mapping) else None
        return found or (certificate(record) if certificate else None)

    def _consumer_header(self, headers: Mapping[str, str]) -> str | None:
        return _lookup(headers, _CONSUMER_HEADERS) if self._trusts_consumer_headers else None


def _consumer(verdict: Verdict) -> str | None:
    return verdict.custom_id or verdict.username or verdict.consumer_id


def _certificate(name: str | None) -> CertificateField | None:
    return None if name is None else certificate_field(name)


def _without(credentials: CredentialNames, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in credentials)


def _lookup(headers: Mapping[str, str], names: Iterable[str]) -> str | None:
    for name in names:
        value = headers.get(name, "").strip()
        if value:
            return value
    return None
