"""Claims about decisions: Kong's order of steps, and what never lets a request through."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.apikey import ApiKey
from authsvc.authenticator import Authenticator
from authsvc.decision import (
    Allow,
    AllowReason,
    Decision,
    Deny,
    DenyReason,
    Identity,
    Unavailable,
)
from authsvc.entities import Consumer, Plugin
from authsvc.errors import KeyringError, StoreUnavailableError
from authsvc.policy import PolicyBook
from authsvc.request import Request
from authsvc.resolver import NotInMemoryError
from authsvc.store import KnownConsumer

NOW = 1_000.0


def consumer(username: str, *groups: str) -> KnownConsumer:
    return KnownConsumer(
        Consumer(id=f"id-{username}", created_at=0, updated_at=0, username=username), groups
    )


FORGED = b"tk_live_forged"  # known to the resolver: only the checksum can refuse it
BOB = Identity(consumer("bob", "admin"), "k-bob")
LOST = Identity(consumer("lost"), "k-lost", expires_at=int(NOW))
OFF = Identity(consumer("off"), "k-off", enabled=False)
LATE = Identity(consumer("late"), "k-late", expires_at=int(NOW) + 1)


@dataclass
class ScriptedResolver:
    """Knows these keys and consumers; raises what it is told to."""

    keys: dict[bytes, Identity] = field(
        default_factory=lambda: {
            b"good": BOB,
            b"a,b": BOB,
            b"lost": LOST,
            b"late": LATE,
            b"off": OFF,
            FORGED: BOB,
        }
    )
    consumers: dict[str, KnownConsumer] = field(
        default_factory=lambda: {
            "guest": consumer("guest"),
            "member": consumer("member", "admin"),
        }
    )
    failing: Exception | None = None

    remembers: bool = False  # whether it knows all of this without the store

    def recall(self, key: ApiKey) -> Identity | None:
        if not self.remembers:
            raise NotInMemoryError(key=key)
        return self.keys.get(key.reveal())

    def recall_consumer(self, reference: str) -> KnownConsumer | None:
        if not self.remembers:
            raise NotInMemoryError(reference=reference)
        return self.consumers.get(reference)

    async def find(self, key: ApiKey, *, digest: bytes | None = None) -> Identity | None:
        if self.failing:
            raise self.failing
        return self.keys.get(key.reveal())

    async def find_consumer(self, reference: str) -> KnownConsumer | None:
        if self.failing:
            raise self.failing
        return self.consumers.get(reference)


def authenticator(
    config: dict[str, object] | None = None,
    *,
    acl: dict[str, object] | None = None,
    resolver: ScriptedResolver | None = None,
) -> Authenticator:
    plugins = [
        Plugin(id=name, created_at=0, updated_at=0, name=name, config=settings)
        for name, settings in (("key-auth-enc", config), ("acl", acl))
        if settings is not None
    ]
    policies = PolicyBook.bind(default=None, plugins=plugins, routes=(), services=())
    return Authenticator(
        resolver=resolver or ScriptedResolver(),  # type: ignore[arg-type]  # a double
        policies=policies,
        clock=lambda: NOW,
    )


def get(key: str | None = None, *, method: str = "GET", **fields: object) -> Request:
    headers = () if key is None else (("apikey", key.encode()),)
    return Request(method=method, path="/r?apikeys=1", headers=headers, **fields)  # type: ignore[arg-type]


def verdict(decision: Decision) -> str:
    return str(decision.reason)


GUEST = {"anonymous": "guest"}
PREFLIGHT = {"run_on_preflight": False}
ADMINS = {"allow": ["admin"]}

# configuration, acl, request: reason
CASES: dict[str, tuple[dict[str, object], dict[str, object] | None, Request, str]] = {
    "a known key": ({}, None, get("good"), "key"),
    "no key": ({}, None, get(), "missing_key"),
    "an empty key": ({}, None, get(""), "missing_key"),
    "an unknown key": ({}, None, get("bad"), "unknown_key"),
    "a known key in another case": ({}, None, get("GOOD"), "unknown_key"),
    "an expired key, at its very second": ({}, None, get("lost"), "expired_key"),
    "a disabled key": ({}, None, get("off"), "disabled_key"),
    "guest with a disabled key": (GUEST, None, get("off"), "anonymous"),
    "a prefixed key with a wrong checksum": (
        {"key_format": "prefixed"},
        None,
        get(FORGED.decode()),
        "unknown_key",
    ),
    "the same where the format is not set": ({}, None, get(FORGED.decode()), "key"),
    "a key of another format where one is set": (
        {"key_format": "prefixed"},
        None,
        get("good"),
        "key",
    ),
    "a key in its last second": ({}, None, get("late"), "key"),
    "two keys": (
        {},
        None,
        replace(get(), headers=(("apikey", b"good"), ("apikey", b"good"))),
        "duplicate_key",
    ),
    "joined lines": ({}, None, get("good,evil", joined=True), "duplicate_key"),
    "joined lines, the first empty": ({}, None, get(",good", joined=True), "duplicate_key"),
    "a known key with a comma in joined headers": ({}, None, get("a,b", joined=True), "key"),
    "an unknown key with a comma": ({}, None, get("b,a"), "unknown_key"),
    "guest without a key": (GUEST, None, get(), "anonymous"),
    "guest with a wrong key": (GUEST, None, get("bad"), "anonymous"),
    "guest with an expired key": (GUEST, None, get("lost"), "anonymous"),
    "guest with an empty key": (GUEST, None, get(""), "anonymous"),
    "a known key beats the guest": (GUEST, None, get("good"), "key"),
    "no such guest": ({"anonymous": "nobody"}, None, get(), "anonymous_missing"),
    "no such guest, but a known key": ({"anonymous": "nobody"}, None, get("good"), "key"),
    "preflight": (PREFLIGHT, None, get(method="OPTIONS"), "preflight"),
    "preflight with a wrong key": (PREFLIGHT, None, get("bad", method="OPTIONS"), "preflight"),
    "preflight before the guest": (
        PREFLIGHT | GUEST,
        None,
        get(method="OPTIONS"),
        "preflight",
    ),
    "preflight in lower case is none": (PREFLIGHT, None, get(method="options"), "missing_key"),
    "preflight is checked by default": ({}, None, get(method="OPTIONS"), "missing_key"),
    "other methods are checked": (PREFLIGHT, None, get(method="POST"), "missing_key"),
    "preflight where a group is wanted": (PREFLIGHT, ADMINS, get(method="OPTIONS"), "nobody"),
    "member": ({}, ADMINS, get("good"), "key"),
    "no member": ({}, ADMINS, get("late"), "not_a_member"),
    "no member without a key": ({}, ADMINS, get(), "missing_key"),
    "guest where a group is wanted": (GUEST, ADMINS, get(), "nobody"),
    "guest who is a member": ({"anonymous": "member"}, ADMINS, get(), "anonymous"),
    "an unusable configuration": ({"nonsense": 1}, None, get("good"), "invalid_policy"),
    "an unusable acl": ({}, {"allow": "admin"}, get("good"), "invalid_policy"),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_is_decided(name: str) -> None:
    config, acl, request, reason = CASES[name]
    assert verdict(await authenticator(config, acl=acl).decide(request)) == reason


async def test_without_a_policy_nobody_gets_in() -> None:
    assert await authenticator().decide(get("good")) == Deny(DenyReason.NO_POLICY)


@pytest.mark.parametrize("config", [{}, GUEST])
async def test_an_outage_is_unavailable_also_where_there_is_a_guest(
    config: dict[str, object],
) -> None:
    resolver = ScriptedResolver(failing=StoreUnavailableError("away"))
    assert await authenticator(config, resolver=resolver).decide(get("good")) == Unavailable()


async def test_an_outage_does_not_matter_where_nobody_is_asked() -> None:
    resolver = ScriptedResolver(failing=StoreUnavailableError("away"))
    asked = authenticator(PREFLIGHT, resolver=resolver)
    assert verdict(await asked.decide(get())) == "missing_key"
    assert verdict(await asked.decide(get(method="OPTIONS"))) == "preflight"


@pytest.mark.parametrize("config", [{}, GUEST])
async def test_a_credential_that_does_not_open_is_refused_also_where_there_is_a_guest(
    config: dict[str, object],
) -> None:
    resolver = ScriptedResolver(failing=KeyringError())
    decision = await authenticator(config, resolver=resolver).decide(get("good"))
    assert verdict(decision) == "corrupt_credential"
    assert isinstance(decision, Deny)


async def test_an_unexpected_error_is_not_turned_into_a_verdict() -> None:
    resolver = ScriptedResolver(failing=RuntimeError("a bug"))
    with pytest.raises(RuntimeError):
        await authenticator(GUEST, resolver=resolver).decide(get("good"))


async def test_an_allowed_request_says_who_calls_and_what_is_hidden() -> None:
    config = {"hide_credentials": True}
    decision = await authenticator(config, acl=ADMINS).decide(
        Request(method="GET", path="/r?a=1&apikey=good")
    )
    assert isinstance(decision, Allow)
    assert (decision.reason, decision.identity) == (AllowReason.KEY, BOB)
    assert decision.groups == ("admin",)
    assert (decision.hiding.headers, decision.hiding.path) == (("apikey",), "/r?a=1")


@pytest.mark.parametrize(
    "request_",
    [get("bad"), get("bad", method="OPTIONS"), replace(get(), path="/?apikey=bad")],
)
async def test_a_wrong_key_is_hidden_too_where_it_does_not_matter(request_: Request) -> None:
    config = {"hide_credentials": True} | GUEST | PREFLIGHT
    decision = await authenticator(config).decide(request_)
    assert isinstance(decision, Allow)
    assert "apikey" in decision.hiding.headers
    assert decision.hiding.path == ("/" if "?apikey=" in request_.path else None)


@pytest.mark.parametrize(
    ("acl", "groups"),
    [(None, None), (ADMINS, ("admin",)), (ADMINS | {"hide_groups_header": True}, None)],
)
async def test_groups_are_told_only_where_an_acl_applies(
    acl: dict[str, object] | None, groups: tuple[str, ...] | None
) -> None:
    decision = await authenticator({}, acl=acl).decide(get("good"))
    assert isinstance(decision, Allow)
    assert decision.groups == groups


async def test_a_refused_member_is_named() -> None:
    decision = await authenticator({}, acl={"deny": ["admin"]}).decide(get("good"))
    assert isinstance(decision, Deny)
    assert decision.identity == BOB


@given(st.data())
async def test_what_memory_decides_is_what_the_store_would_have_led_to(data: st.DataObject) -> None:
    request, config, acl = data.draw(requests), data.draw(configs), data.draw(acls)
    config |= data.draw(st.sampled_from([{}, GUEST, {"anonymous": "nobody"}, PREFLIGHT]))
    asks = authenticator(config, acl=acl, resolver=ScriptedResolver())
    remembers = authenticator(config, acl=acl, resolver=ScriptedResolver(remembers=True))

    assert remembers.decide_now(request) == await asks.decide(request)


async def test_nothing_is_decided_at_once_that_takes_the_store() -> None:
    asks = authenticator({})

    assert asks.decide_now(get("good")) is None
    assert verdict(await asks.decide(get("good"))) == "key"


KEYS = ("good", "bad", "lost", "go", "", " good", "good,", "%67ood", "Good", "good\x00", "x" * 5000)
lines = st.lists(
    st.tuples(
        st.sampled_from(["apikey", "x-key", "x_key", "api_key", "content-type"]),
        st.sampled_from(KEYS).map(str.encode) | st.binary(),
    ),
    max_size=4,
).map(tuple)
query_texts = st.lists(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["apikey", "%61pikey", "x-key", "a"]),
        st.sampled_from(["", "="]),
        st.sampled_from(KEYS),
    ),
    max_size=4,
).map("&".join)
requests = st.builds(
    Request,
    method=st.sampled_from(["GET", "OPTIONS", "POST", "CONNECT", "options", ""]),
    path=query_texts.map("/?{}".format) | st.text(st.characters(exclude_categories=["Cs"])),
    headers=lines,
    joined=st.booleans(),
    body=st.none() | st.binary() | query_texts.map(str.encode),
    route=st.none() | st.text(),
    service=st.none() | st.text(),
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "key_names": st.lists(st.sampled_from(["apikey", "x_key", "X-Key", "a"])),
        "key_in_header": st.booleans(),
        "key_in_query": st.booleans(),
        "key_in_body": st.booleans(),
        "hide_credentials": st.booleans(),
        "realm": st.none() | st.text(min_size=1),
    },
)
acls = st.none() | st.fixed_dictionaries(
    {}, optional={"allow": st.just(["admin"]), "deny": st.just(["free"])}
)


@given(requests, configs, acls)
async def test_no_request_gets_in_without_a_key_that_is_known_and_alive(
    request: Request, config: dict[str, object], acl: dict[str, object] | None
) -> None:
    resolver = ScriptedResolver(keys={b"good": BOB, b"lost": LOST})
    decision = await authenticator(config, acl=acl, resolver=resolver).decide(request)
    if isinstance(decision, Allow):
        assert decision.identity == BOB
        sent = request.path.encode() + (request.body or b"")
        assert b"good" in (sent + b"".join(value for _, value in request.headers)) or (
            b"%67ood" in sent
        )


@given(requests, configs, acls)
async def test_no_request_gets_in_where_no_key_is_known(
    request: Request, config: dict[str, object], acl: dict[str, object] | None
) -> None:
    nobody = ScriptedResolver(keys={})
    assert isinstance(await authenticator(config, acl=acl, resolver=nobody).decide(request), Deny)
