"""The stores in memory and on Postgres do the same, whatever is asked of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authsvc.errors import StoreError
from authsvc.memory import MemoryDatabase
from authsvc.postgres import Database
from authsvc.store import EntityStore, Stores, TagFilter
from tests.contract.harness import START, Clock
from tests.examples import examples
from tests.fakes.entities import (
    a_consumer,
    a_credential,
    a_digest,
    a_plugin,
    a_route,
    a_service,
    an_acl,
    an_id,
)
from tests.fakes.found_credential import find_credential
from tests.fakes.postgres import PostgresServer

# Few of everything, so that they meet.
NUMBERS = st.integers(0, 3)
NAMES = st.sampled_from([None, "a", "A", "é", "a\x00"])
TAGS = st.none() | st.lists(st.sampled_from("xyz"), max_size=2, unique=True).map(tuple)
REFERENCES = st.none() | NUMBERS.map(an_id)
TIMES = st.none() | st.integers(int(START) - 2, int(START) + 6)
DIGESTS = st.sampled_from("pqr").map(a_digest)
FILTERS = st.none() | st.builds(
    TagFilter,
    st.lists(st.sampled_from("xyz"), min_size=1, max_size=2).map(tuple),
    st.sampled_from(["all", "any"]),
)

ENTITIES: dict[str, st.SearchStrategy[Any]] = {
    "consumers": st.builds(a_consumer, NUMBERS, username=NAMES, custom_id=NAMES, tags=TAGS),
    "credentials": st.builds(
        a_credential, NUMBERS, of=NUMBERS, digest=DIGESTS, expires_at=TIMES, tags=TAGS
    ),
    "acls": st.builds(an_acl, NUMBERS, of=NUMBERS, group=st.sampled_from("gh"), tags=TAGS),
    "services": st.builds(a_service, NUMBERS, name=NAMES, tags=TAGS),
    "routes": st.builds(a_route, NUMBERS, name=NAMES, service_id=REFERENCES, tags=TAGS),
    "plugins": st.builds(
        a_plugin,
        NUMBERS,
        name=st.sampled_from(["acl", "moesif"]),
        instance_name=NAMES,
        route_id=REFERENCES,
        service_id=REFERENCES,
    ),
}


@dataclass(frozen=True)
class Step:
    """One call, the same for both."""

    said: str
    call: Callable[[Stores], Awaitable[object]]
    seconds: int = 0  # that go by before it


def store_of(stores: Stores, kind: str) -> EntityStore[Any]:
    found: EntityStore[Any] = getattr(stores, kind)
    return found


@st.composite
def steps(draw: st.DrawFn) -> Step:
    kind = draw(st.sampled_from([*ENTITIES, "credentials", "credentials"]))
    entity = draw(ENTITIES[kind])
    number, size, tags = draw(NUMBERS), draw(st.integers(1, 3)), draw(FILTERS)
    after = draw(REFERENCES)
    calls: dict[str, Callable[[Stores], Awaitable[object]]] = {
        "insert": lambda stores: store_of(stores, kind).insert(entity),
        "replace": lambda stores: store_of(stores, kind).replace(entity),
        "delete": lambda stores: store_of(stores, kind).delete(an_id(number)),
        "page": lambda stores: store_of(stores, kind).page(size=size, after=after, tags=tags),
    }
    name = draw(st.sampled_from(["insert", "insert", "insert", "replace", "delete", "page"]))
    said = f"{name} {kind} {asdict(entity)} {number} {size} {after} {tags}"
    return Step(said, calls[name], seconds=draw(st.sampled_from([0, 0, 1, 3])))


async def outcome(work: Awaitable[object]) -> object:
    try:
        result = await work
    except StoreError as error:
        return type(error), str(error)
    return list(result) if isinstance(result, list | tuple) else result


async def everything(stores: Stores) -> dict[str, object]:
    found: dict[str, object] = {
        kind: list(await store_of(stores, kind).page(size=99)) for kind in ENTITIES
    }
    found["changes"] = await stores.changes.since(0)
    for text in "pqr":
        found[text] = await find_credential(stores.directory, a_digest(text))
    for reference in ("a", "A", "é", an_id(1)):
        found[reference] = await stores.directory.find_consumer(reference)
    return found


async def fill(stores: Stores) -> None:
    """Give the calls something to refer to."""
    for number in (0, 1):
        await stores.consumers.insert(a_consumer(number))
    await stores.services.insert(a_service(0))
    await stores.routes.insert(a_route(0, service_id=an_id(0)))


async def compare(url: str, plan: list[Step]) -> None:
    clock = Clock()
    memory = MemoryDatabase(clock=clock)
    async with Database.open(url, pool_size=2, clock=clock) as database:
        await fill(memory)
        await fill(database)
        for step in plan:
            clock.now += step.seconds
            ours, theirs = await outcome(step.call(memory)), await outcome(step.call(database))
            assert ours == theirs, step.said
        assert await everything(memory) == await everything(database)


@pytest.fixture(scope="module")
def own_url(postgres_server: PostgresServer) -> object:
    with postgres_server.new_database() as url:
        yield url


@pytest.mark.timeout(600)  # a failure is made small, which takes its time
@settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plan=st.lists(steps(), min_size=5, max_size=30))
def test_any_sequence_of_calls_has_the_same_outcome(
    postgres_server: PostgresServer, own_url: str, plan: list[Step]
) -> None:
    postgres_server.empty(own_url)
    asyncio.run(compare(own_url, plan))
