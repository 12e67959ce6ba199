"""Prepared answers over a memory that knows some keys, beside the whole way to an answer."""

from authsvc.annotation_rules import AnnotationRules, IdSource
from authsvc.answer import answer as answer_of
from authsvc.answer import answer_to
from authsvc.apikey import ApiKey
from authsvc.authenticator import Authenticator
from authsvc.cache import CredentialCache, Held
from authsvc.decision import Deny, DenyReason, Identity
from authsvc.entities import Plugin
from authsvc.extauthz.codec import CodecError, decode
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest, CheckResponse
from authsvc.extauthz.prepared import PreparedAnswers, Refusal, Unready
from authsvc.extauthz.response_wire import encode
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig, PolicyBook
from authsvc.resolver import NotInMemoryError
from authsvc.store import KnownConsumer
from tests.fakes.answers import check_now
from tests.fakes.entities import a_consumer

NOW = 1000  # seconds of the epoch
# They claim to be generated, and are not.
MALFORMED, UNHEARD_AND_MALFORMED = b"tk_live_known", b"tk_live_unheard"


class Lookups(NullMetrics):
    """Counts what was looked up."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def looked_up(self, kind: str) -> None:
        self.seen.append(kind)


class Identities(dict[bytes, Identity]):
    """Identities by key, which stands for its digest as well."""

    def __init__(self, identities: dict[bytes, Identity]) -> None:
        super().__init__()
        self.cache = CredentialCache()
        for key, identity in identities.items():
            self[key] = identity

    def __setitem__(self, key: bytes, identity: Identity) -> None:
        super().__setitem__(key, identity)
        self.cache.remember(key, identity)

    def __delitem__(self, key: bytes) -> None:
        super().__delitem__(key)
        self.cache.forget_digest(key)


class Memory:
    """A resolver that knows some keys, that one may be in the store, and nobody has the others."""

    def __init__(self, metrics: Lookups) -> None:
        self.metrics = metrics
        owner = KnownConsumer(a_consumer(2), ())
        self.identities = Identities(
            {
                b"good": Identity(KnownConsumer(a_consumer(1), ("admin",)), "credential-1"),
                b"other": Identity(owner, "credential-2"),
                b"expired": Identity(owner, "credential-3", expires_at=NOW),
                b"disabled": Identity(owner, "credential-4", enabled=False),
                MALFORMED: Identity(owner, "credential-5", enabled=False),
            }
        )

    def peek(self, key: ApiKey) -> Identity | None:
        if key.reveal() in {b"unheard", UNHEARD_AND_MALFORMED}:
            raise NotInMemoryError(key=key)
        return self.identities.get(key.reveal())

    def hold(self, key: ApiKey) -> Held | None:
        return self.identities.cache.hold(key.reveal())

    def recall(self, key: ApiKey) -> Identity | None:
        identity = self.peek(key)
        self.metrics.looked_up("known_unknown" if identity is None else "hit")
        return identity

    def recall_consumer(self, reference: str) -> KnownConsumer | None:
        return KnownConsumer(a_consumer(3), ())


class World:
    """An authenticator on that memory, and its prepared answers."""

    def __init__(
        self,
        config: KeyAuthConfig | None = None,
        plugins: tuple[Plugin, ...] = (),
        *,
        capacity: int = 3,
    ) -> None:
        self.metrics = Lookups()
        self.memory = Memory(self.metrics)
        self.now: float = NOW
        self.authenticator = Authenticator(
            resolver=self.memory,  # type: ignore[arg-type]  # it has what is called
            policies=book(config or KeyAuthConfig(), plugins),
            clock=lambda: self.now,
        )
        self.prepared = PreparedAnswers(self.authenticator, capacity=capacity)

    def ready(self, request: CheckRequest) -> bytes | None:
        """Return what allows it, if that is ready, by whichever way the request can be read."""
        payload = request.SerializeToString()
        found = self.prepared.find(payload)
        other = self.prepared.find_for(decode(payload))
        if isinstance(found, bytes):
            assert without_transaction(found) == without_transaction(other or b"")
        elif found is not Unready.UNREAD:
            assert other is None
        return other

    def refused(self, request: CheckRequest) -> Refusal | None:
        """Return what refuses it, if that is ready, or is after the request was answered once."""
        payload = request.SerializeToString()
        found = self.prepared.find(payload)
        if found is Unready.STRANGER and self.give(request):
            found = self.prepared.find(payload)
        return found if isinstance(found, Refusal) else None

    def ask(self, request: CheckRequest) -> bytes | None:
        """Return what allows it, if that is ready, or is after the request was answered once."""
        try:
            return self.ready(request) or (self.give(request) and self.ready(request))
        except CodecError:
            return None

    def give(self, request: CheckRequest) -> bool:
        """Answer the whole way; return whether that was possible."""
        asked = decode(request.SerializeToString())
        decision = self.authenticator.decide_now(asked)
        if decision is None:
            return False
        answer = answer_to(decision, asked, self.authenticator)
        self.prepared.offer(asked, decision, answer, encode(answer))
        return True

    def told(self, request: CheckRequest) -> CheckResponse | None:
        """Return what allows it, without what each answer has anew."""
        found = self.ask(request)
        return without_transaction(found) if found else None

    def whole_way(self, request: CheckRequest) -> bytes:
        decided = check_now(decode(request.SerializeToString()), self.authenticator)
        return encode(decided or answer_of(Deny(DenyReason.UNKNOWN_KEY), None))


def book(config: KeyAuthConfig, plugins: tuple[Plugin, ...] = ()) -> PolicyBook:
    return PolicyBook.bind(
        default=config, plugins=plugins, routes=(), services=(), annotation_of=wanted_by
    )


def wanted_by(plugin: Plugin) -> AnnotationRules | None:
    if plugin.name != "watch":
        return None
    return AnnotationRules(
        transaction_ids=True,
        company_id_from=(IdSource("custom_id"),),
        read_token=lambda request, known: ("" if known else request.first("token") or None, None),
        token_headers=("token",),
        tokens_of_known=bool(plugin.config.get("tokens")),
    )


def watch(**config: bool) -> Plugin:
    return Plugin(id="watch-1", created_at=1, updated_at=1, name="watch", config=config)


def transaction_of(answer: bytes) -> str:
    return CheckResponse.FromString(answer).dynamic_metadata["transaction_id"]


def without_transaction(answer: bytes) -> CheckResponse:
    found = CheckResponse.FromString(answer)
    if "transaction_id" in found.dynamic_metadata:
        old = found.dynamic_metadata["transaction_id"].encode()
        found = CheckResponse.FromString(answer.replace(old, b"0" * len(old)))
    return found


def acl(**groups: list[str]) -> Plugin:
    return Plugin(id="acl-1", created_at=1, updated_at=1, name="acl", config=groups)
