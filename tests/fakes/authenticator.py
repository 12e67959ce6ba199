"""A real authenticator that knows a few keys, without a store."""

from authsvc.apikey import ApiKey
from authsvc.authenticator import Authenticator
from authsvc.cache import CredentialCache, Held
from authsvc.decision import Identity
from authsvc.policy import KeyAuthConfig, PolicyBook
from authsvc.store import KnownConsumer
from tests.fakes.entities import a_consumer


class KnownKeys:
    """Takes a resolver's place: one key, of consumer number 1."""

    def __init__(self, key: str) -> None:
        self._key = ApiKey.from_text(key)
        self._identity = Identity(KnownConsumer(a_consumer(1), ()), "credential-1")
        self._cache = CredentialCache()
        self._cache.remember(b"digest", self._identity)

    def peek(self, key: ApiKey) -> Identity | None:
        return self._identity if key == self._key else None

    def hold(self, key: ApiKey) -> Held | None:
        return self._cache.hold(b"digest") if key == self._key else None

    def recall(self, key: ApiKey) -> Identity | None:
        return self.peek(key)

    def recall_consumer(self, reference: str) -> KnownConsumer | None:
        return None


def make_authenticator(config: KeyAuthConfig, *, key: str) -> Authenticator:
    """Return an authenticator that applies this configuration to every request."""
    policies = PolicyBook.bind(default=config, plugins=(), routes=(), services=())
    resolver = KnownKeys(key)
    return Authenticator(resolver=resolver, policies=policies)  # type: ignore[arg-type]  # it has what is called
