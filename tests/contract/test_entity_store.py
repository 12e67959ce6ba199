"""The port ``EntityStore``, for all kinds of entity."""

import asyncio
from dataclasses import replace

import pytest

from authsvc.entities import Consumer, Entity
from authsvc.errors import (
    EntityChangedError,
    ForeignKeyViolationError,
    UniqueViolationError,
    UnstorableValueError,
)
from authsvc.store import TAGGED, EntityStore, Stores, TagFilter
from tests.contract.samples import NOBODY, Sample
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


async def test_an_entity_comes_back_as_it_was_stored(
    store: EntityStore[Entity], sample: Sample
) -> None:
    await store.insert(sample.entity)
    assert await store.get(sample.entity.id) == sample.entity


async def test_an_entity_is_found_by_its_unique_fields(
    store: EntityStore[Entity], sample: Sample
) -> None:
    await store.insert(sample.entity)
    fields = {name: getattr(sample.entity, name) for name in sample.found_by}
    assert await store.find(**fields) == sample.entity


async def test_an_id_is_found_in_any_letter_case(
    store: EntityStore[Entity], sample: Sample
) -> None:
    entity = replace(sample.entity, id="abcdefab-cdef-4abc-8def-abcdefabcdef")
    await store.insert(entity)
    assert await store.get(entity.id.upper()) == entity


async def test_what_is_not_there_is_none(store: EntityStore[Entity], sample: Sample) -> None:
    assert await store.get(NOBODY) is None
    assert await store.replace(sample.entity) is None
    assert await store.delete(sample.entity.id) is None


@pytest.mark.parametrize("not_an_id", ["", "bob", an_id(9)[:-1], an_id(9) + "0", "\x00", "ü" * 36])
async def test_what_is_no_id_is_found_nowhere(
    store: EntityStore[Entity], sample: Sample, not_an_id: str
) -> None:
    await store.insert(sample.entity)
    assert await store.get(not_an_id) is None
    assert await store.delete(not_an_id) is None
    assert list(await store.page(size=10, id=not_an_id)) == []


async def test_a_replaced_entity_is_the_new_one(store: EntityStore[Entity], sample: Sample) -> None:
    await store.insert(sample.entity)
    changed = replace(sample.entity, **sample.changed)
    assert await store.replace(changed) is not None
    assert await store.get(changed.id) == changed


async def test_an_entity_that_is_as_expected_is_replaced(
    store: EntityStore[Entity], sample: Sample
) -> None:
    await store.insert(sample.entity)
    read = await store.get(sample.entity.id)
    changed = replace(sample.entity, **sample.changed)
    assert await store.replace(changed, expected=read) is not None
    assert await store.get(changed.id) == changed


async def test_what_somebody_else_wrote_meanwhile_is_not_replaced(
    store: EntityStore[Entity], sample: Sample, stores: Stores
) -> None:
    await store.insert(sample.entity)
    other = replace(sample.entity, **sample.changed)
    await store.replace(other)
    head = await stores.changes.head()
    with pytest.raises(EntityChangedError):
        await store.replace(replace(sample.entity, tags=("mine",)), expected=sample.entity)
    assert await store.get(other.id) == other
    assert await stores.changes.head() == head
    await store.delete(other.id)
    assert await store.replace(sample.entity, expected=other) is None


async def test_of_many_who_replace_what_they_read_one_does(
    store: EntityStore[Entity], sample: Sample
) -> None:
    await store.insert(sample.entity)

    async def write(number: int) -> str | None:
        try:
            await store.replace(
                replace(sample.entity, tags=(f"t{number}",)), expected=sample.entity
            )
        except EntityChangedError:
            return None
        return f"t{number}"

    written = await asyncio.gather(*(write(number) for number in range(6)))
    [winner] = [tag for tag in written if tag]
    stored = await store.get(sample.entity.id)
    assert stored is not None
    assert stored.tags == (winner,)


async def test_the_old_unique_fields_find_nothing_after_a_replace(
    store: EntityStore[Entity], sample: Sample
) -> None:
    await store.insert(sample.entity)
    await store.replace(replace(sample.entity, **sample.changed))
    fields = {name: getattr(sample.entity, name) for name in sample.found_by}
    assert await store.find(**fields) is None


async def test_a_deleted_entity_is_gone(store: EntityStore[Entity], sample: Sample) -> None:
    await store.insert(sample.entity)
    assert await store.delete(sample.entity.id) is not None
    assert await store.get(sample.entity.id) is None
    assert await store.delete(sample.entity.id) is None


async def test_a_deleted_entity_can_come_again(store: EntityStore[Entity], sample: Sample) -> None:
    await store.insert(sample.entity)
    await store.delete(sample.entity.id)
    await store.insert(sample.entity)
    assert await store.get(sample.entity.id) == sample.entity


async def test_seqs_grow_by_one_with_each_write(store: EntityStore[Entity], sample: Sample) -> None:
    first = await store.insert(sample.entity)
    second = await store.replace(sample.entity)
    third = await store.delete(sample.entity.id)
    assert [first, second, third] == [first, first + 1, first + 2]


async def test_an_id_is_taken_only_once(store: EntityStore[Entity], sample: Sample) -> None:
    await store.insert(sample.entity)
    with pytest.raises(UniqueViolationError) as caught:
        await store.insert(sample.entity)
    assert caught.value.fields == ("id",)


async def test_unique_fields_are_taken_only_once(
    store: EntityStore[Entity], sample: Sample
) -> None:
    await store.insert(sample.entity)
    with pytest.raises(UniqueViolationError) as caught:
        await store.insert(replace(sample.entity, id=NOBODY))
    assert caught.value.fields == sample.found_by


async def test_a_replace_cannot_take_anothers_unique_fields(
    store: EntityStore[Entity], sample: Sample
) -> None:
    await store.insert(replace(sample.entity, **sample.changed, id=NOBODY))
    await store.insert(sample.entity)
    with pytest.raises(UniqueViolationError) as caught:
        await store.replace(replace(sample.entity, id=NOBODY))
    assert caught.value.fields == sample.found_by


async def test_a_refused_write_leaves_no_trace(
    store: EntityStore[Entity], sample: Sample, stores: Stores
) -> None:
    await store.insert(sample.entity)
    head = await stores.changes.head()
    with pytest.raises(UniqueViolationError):
        await store.insert(replace(sample.entity, id=NOBODY))
    assert await stores.changes.head() == head
    assert await store.get(NOBODY) is None


async def test_pages_follow_the_order_of_ids(stores: Stores) -> None:
    numbers = [0x50, 0xA0, 0x10, 0xFFFFFFFF, 0x80000000]
    for number in numbers:
        await stores.consumers.insert(a_consumer(number))
    seen: list[str] = []
    while page := await stores.consumers.page(size=2, after=seen[-1] if seen else None):
        assert len(page) <= 2
        seen += [entity.id for entity in page]
    assert seen == [an_id(number) for number in sorted(numbers)]


async def test_unique_fields_of_none_never_collide(stores: Stores) -> None:
    for number in (1, 2):
        await stores.consumers.insert(a_consumer(number, username=None, custom_id=f"c{number}"))
        await stores.routes.insert(a_route(number, name=None))
    assert len(await stores.routes.page(size=10, name=None)) == 2


async def test_unique_texts_differ_by_letter_case(stores: Stores) -> None:
    await stores.consumers.insert(a_consumer(1, username="bob"))
    await stores.consumers.insert(a_consumer(2, username="Bob"))
    found = await stores.consumers.find(username="Bob")
    assert found is not None
    assert found.id == an_id(2)


async def test_only_the_first_collision_is_named(stores: Stores) -> None:
    await stores.consumers.insert(a_consumer(1, username="bob", custom_id="b"))
    with pytest.raises(UniqueViolationError) as caught:
        await stores.consumers.insert(a_consumer(2, username="bob", custom_id="b"))
    assert caught.value.fields == ("username",)


PLUGIN_SCOPES = {
    "everything": {},
    "a route": {"route_id": an_id(1)},
    "a service": {"service_id": an_id(2)},
    "both": {"route_id": an_id(1), "service_id": an_id(2)},
}


@pytest.mark.parametrize("scope", PLUGIN_SCOPES)
async def test_a_plugin_is_there_once_for_each_scope(stores: Stores, scope: str) -> None:
    await stores.routes.insert(a_route(1))
    await stores.services.insert(a_service(2))
    for number, fields in enumerate(PLUGIN_SCOPES.values()):
        await stores.plugins.insert(a_plugin(number, **fields))
        await stores.plugins.insert(a_plugin(100 + number, name="moesif", **fields))
    with pytest.raises(UniqueViolationError) as caught:
        await stores.plugins.insert(a_plugin(50, **PLUGIN_SCOPES[scope]))
    assert caught.value.fields == ("name", "route_id", "service_id")


async def test_pages_narrow_to_what_has_the_values(stores: Stores) -> None:
    for number in (1, 2):
        await stores.consumers.insert(a_consumer(number))
    for number in (3, 4, 5):
        await stores.acls.insert(an_acl(number, of=1 + number % 2))
    page = await stores.acls.page(size=1, after=an_id(3), consumer_id=an_id(2).upper())
    assert [acl.id for acl in page] == [an_id(5)]
    assert list(await stores.acls.page(size=9, consumer_id=NOBODY)) == []


async def test_pages_narrow_to_what_is_unset(stores: Stores) -> None:
    await stores.services.insert(a_service(1))
    await stores.routes.insert(a_route(2, service_id=an_id(1)))
    await stores.routes.insert(a_route(3))
    assert [one.id for one in await stores.routes.page(size=9, service_id=None)] == [an_id(3)]


TAG_FILTERS = {
    "one": (TagFilter(("a",), "all"), [1, 2]),
    "all of two": (TagFilter(("a", "b"), "all"), [2]),
    "all of two, in another order": (TagFilter(("b", "a"), "all"), [2]),
    "any of two": (TagFilter(("a", "c"), "any"), [1, 2, 3]),
    "some, whichever they are": (TAGGED, [1, 2, 3]),
    "one that nobody has": (TagFilter(("z",), "any"), []),
    "one that is the same text in another case": (TagFilter(("A",), "all"), []),
}


@pytest.mark.parametrize("name", TAG_FILTERS)
async def test_pages_narrow_by_tags(stores: Stores, name: str) -> None:
    tags = {1: ("a",), 2: ("a", "b"), 3: ("b", "c"), 4: (), 5: None}
    for number, chosen in tags.items():
        await stores.consumers.insert(a_consumer(number, tags=chosen))
    wanted, numbers = TAG_FILTERS[name]
    page = await stores.consumers.page(size=9, tags=wanted)
    assert [one.id for one in page] == [an_id(number) for number in numbers]


async def test_a_filtered_page_is_full_as_long_as_there_is_enough(stores: Stores) -> None:
    for number in range(10):
        await stores.consumers.insert(a_consumer(number, tags=("odd",) if number % 2 else None))
    tags = TagFilter(("odd",), "all")
    page = await stores.consumers.page(size=3, after=an_id(1), tags=tags)
    assert [one.id for one in page] == [an_id(3), an_id(5), an_id(7)]


async def test_a_page_after_what_is_no_id_is_refused(stores: Stores) -> None:
    with pytest.raises(UnstorableValueError) as caught:
        await stores.consumers.page(size=1, after="1")
    assert caught.value.field == "after"


REFERENCES = {
    "a credential's consumer": (lambda stores: stores.credentials, a_credential(1, of=77)),
    "an entry's consumer": (lambda stores: stores.acls, an_acl(1, of=77)),
    "a route's service": (lambda stores: stores.routes, a_route(1, service_id=NOBODY)),
    "a plugin's route": (lambda stores: stores.plugins, a_plugin(1, route_id=NOBODY)),
    "a plugin's service": (lambda stores: stores.plugins, a_plugin(1, service_id=NOBODY)),
}


@pytest.mark.parametrize("name", REFERENCES)
async def test_a_reference_to_nothing_is_refused(stores: Stores, name: str) -> None:
    store, entity = REFERENCES[name]
    with pytest.raises(ForeignKeyViolationError) as caught:
        await store(stores).insert(entity)
    assert getattr(entity, caught.value.field) == NOBODY


async def test_a_replace_cannot_refer_to_nothing(stores: Stores) -> None:
    await stores.routes.insert(a_route(1))
    with pytest.raises(ForeignKeyViolationError) as caught:
        await stores.routes.replace(a_route(1, service_id=NOBODY))
    assert caught.value.field == "service_id"
    assert await stores.routes.get(an_id(1)) == a_route(1)


async def test_what_belongs_to_a_consumer_goes_with_it(stores: Stores) -> None:
    for number in (1, 2):
        await stores.consumers.insert(a_consumer(number))
        await stores.credentials.insert(a_credential(10 + number, of=number))
        await stores.acls.insert(an_acl(20 + number, of=number))
    await stores.consumers.delete(an_id(1))
    assert [one.consumer_id for one in await stores.credentials.page(size=9)] == [an_id(2)]
    assert [one.consumer_id for one in await stores.acls.page(size=9)] == [an_id(2)]


async def test_the_plugins_on_a_route_or_service_go_with_it(stores: Stores) -> None:
    await stores.services.insert(a_service(1))
    await stores.routes.insert(a_route(2))
    for number, scope in enumerate(({}, {"service_id": an_id(1)}, {"route_id": an_id(2)})):
        await stores.plugins.insert(a_plugin(10 + number, **scope))
    await stores.services.delete(an_id(1))
    assert [one.id for one in await stores.plugins.page(size=9)] == [an_id(10), an_id(12)]
    await stores.routes.delete(an_id(2))
    assert [one.id for one in await stores.plugins.page(size=9)] == [an_id(10)]


async def test_a_service_with_routes_stays_and_so_do_its_plugins(stores: Stores) -> None:
    await stores.services.insert(a_service(1))
    await stores.routes.insert(a_route(2, service_id=an_id(1)))
    await stores.plugins.insert(a_plugin(3, service_id=an_id(1)))
    with pytest.raises(ForeignKeyViolationError) as caught:
        await stores.services.delete(an_id(1))
    assert caught.value.field == "service_id"
    assert await stores.services.get(an_id(1)) is not None
    assert await stores.plugins.get(an_id(3)) is not None


UNSTORABLE = {
    "NUL in a text": ("username", a_consumer(1, username="a\x00b")),
    "a lone surrogate in a text": ("custom_id", a_consumer(1, custom_id="a\ud800")),
    "NUL in a tag": ("tags", a_consumer(1, tags=("ok", "\x00"))),
    "a text that no index takes": ("username", a_consumer(1, username="ü" * 1025)),
    "a tag that no index takes": ("tags", a_consumer(1, tags=("t" * 2049,))),
    "an id that is no UUID": ("id", Consumer(id="1", created_at=1, updated_at=1)),
    "an id in upper case": ("id", Consumer(id=an_id(0xAB).upper(), created_at=1, updated_at=1)),
    "a number beyond 64 bits": ("created_at", a_consumer(1, created_at=2**63)),
}
UNSTORABLE_CONFIGS = {
    "NUL in a value": {"a": ["\x00"]},
    "NUL in a name": {"a\x00": 1},
    "a lone surrogate": {"a": {"b": "\udfff"}},
    "not a number": {"a": float("nan")},
    "infinity": {"a": [float("inf")]},
    "not JSON": {"a": object()},
}


@pytest.mark.parametrize("name", UNSTORABLE)
async def test_what_cannot_be_stored_is_refused_and_named(stores: Stores, name: str) -> None:
    field, consumer = UNSTORABLE[name]
    with pytest.raises(UnstorableValueError) as caught:
        await stores.consumers.insert(consumer)
    assert caught.value.field == field
    assert await stores.changes.head() == 0


@pytest.mark.parametrize("name", UNSTORABLE_CONFIGS)
async def test_a_document_that_is_not_storable_json_is_refused(stores: Stores, name: str) -> None:
    await stores.plugins.insert(a_plugin(1))
    with pytest.raises(UnstorableValueError) as caught:
        await stores.plugins.replace(a_plugin(1, config=UNSTORABLE_CONFIGS[name]))
    assert caught.value.field == "config"


@pytest.mark.parametrize("text", ["\x00", "\ud800", "x" * 5000])
async def test_what_cannot_be_stored_is_found_nowhere(stores: Stores, text: str) -> None:
    await stores.consumers.insert(a_consumer(1))
    assert await stores.consumers.find(username=text) is None
    assert list(await stores.consumers.page(size=9, username=text)) == []


async def test_the_longest_text_of_a_unique_field_is_stored(stores: Stores) -> None:
    # Random: Postgres would compress anything else before it measures it.
    longest = "".join(a_digest(str(n)).hex() for n in range(32))
    assert len(longest) == 2048
    consumer = a_consumer(1, username=longest, tags=(longest,))
    await stores.consumers.insert(consumer)
    await stores.acls.insert(an_acl(2, of=1, group=longest))
    assert await stores.consumers.find(username=longest) == consumer


async def test_texts_of_any_script_are_stored(stores: Stores) -> None:
    consumer = a_consumer(1, username="日本 🚀 \t\n' \" \\ %s $1 {}", custom_id=" ")
    await stores.consumers.insert(consumer)
    assert await stores.consumers.find(username=consumer.username) == consumer


async def test_a_stored_document_is_not_the_callers(stores: Stores) -> None:
    config = {"allow": ["a"]}
    await stores.plugins.insert(a_plugin(1, config=config))
    config["allow"].append("b")
    stored = await stores.plugins.get(an_id(1))
    assert stored is not None
    assert stored.config == {"allow": ["a"]}


async def test_a_field_that_does_not_exist_is_a_mistake(stores: Stores) -> None:
    with pytest.raises(TypeError):
        await stores.consumers.find(name="bob")


async def test_of_many_that_want_the_same_name_one_gets_it(stores: Stores) -> None:
    outcomes = await asyncio.gather(
        *(stores.consumers.insert(a_consumer(n, username="bob")) for n in range(10)),
        return_exceptions=True,
    )
    refused = [one for one in outcomes if isinstance(one, UniqueViolationError)]
    assert len(refused) == 9
    assert len(await stores.consumers.page(size=99)) == 1


async def test_a_credential_and_its_consumers_deletion_do_not_miss_each_other(
    stores: Stores,
) -> None:
    for number in range(10):
        await stores.consumers.insert(a_consumer(number))
    await asyncio.gather(
        *(stores.consumers.delete(an_id(number)) for number in range(10)),
        *(stores.credentials.insert(a_credential(100 + n, of=n)) for n in range(10)),
        return_exceptions=True,
    )
    assert list(await stores.credentials.page(size=99)) == []
