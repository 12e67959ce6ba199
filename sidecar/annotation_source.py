"""What authsvc is to tell of requests for the sake of events: read from the ``moesif`` plugins.

authsvc knows no plugin of analytics, and analytics no consumer; this translates for both, so that
neither reads what is the other's.
"""

from dataclasses import dataclass

from analytics.config_fields import parse_moesif_config
from analytics.errors import ConfigError
from analytics.id_source import parse_id_sources
from analytics.token_identity import NOBODY, Ids, TokenIdentity
from authsvc.annotation_rules import AnnotationRules, IdSource
from authsvc.entities import Plugin
from authsvc.request import Request
from sidecar.moesif_plugin import MOESIF


def annotation_rules(plugin: Plugin) -> AnnotationRules | None:
    """Return what a plugin wants to be told; None: it is no ``moesif``, or not a valid one."""
    if plugin.name != MOESIF:
        return None
    try:
        config = parse_moesif_config(plugin.config)
    except ConfigError:
        return None  # analytics ignores it as well, and says so
    token = TokenIdentity(config)
    return AnnotationRules(
        transaction_ids=not config.disable_transaction_id,
        user_id_from=id_sources(config.user_id_from),
        company_id_from=id_sources(config.company_id_from),
        read_token=_TokenReader(token),
        token_headers=token.headers,
        tokens_of_known=token.tells_company,
    )


@dataclass(frozen=True, slots=True)
class _TokenReader:
    """Reads tokens at the check: Envoy logs no header with a credential."""

    token: TokenIdentity

    def __call__(self, request: Request, is_known: bool) -> Ids:
        if is_known and not self.token.tells_company:
            return NOBODY  # the consumer is the user
        return self.token.read(lambda name: _first(request, name))


def _first(request: Request, name: str) -> str | None:
    value = next(request.values(name), None)
    return None if value is None else value.decode("utf-8", "replace")


def id_sources(text: str | None) -> tuple[IdSource, ...]:
    """Return the sources of a valid configuration; none where it names none."""
    if text is None:
        return ()
    return tuple(IdSource(source.field, source.name) for source in parse_id_sources(text))
