"""What an import does: only what the file says, the same when it is run again, never by halves."""

from dataclasses import replace

import pytest

from authsvc import kinds
from authsvc.blind_index import BlindIndex
from sidecar.transfer.conflicts import ImportConflictError
from tests.fakes.entities import a_service, an_id
from tests.fakes.imports import NOW, Importer
from tests.fakes.issuer import Issuer

HEAD = '_format_version: "3.0"\n'
FILE = (
    HEAD
    + """
services:
- name: orders
  host: orders.internal
  tags: [team]
  routes:
  - name: orders
    paths: [/orders]
    plugins:
    - name: key-auth
      config: {key_names: [apikey]}
consumers:
- username: alice
  custom_id: c1
  keyauth_credentials:
  - key: canary-1
  - key: canary-2
    ttl: 60
  acls:
  - group: staff
- custom_id: c2
keyauth_enc_credentials:
- consumer: alice
  key: canary-3
  tags: [x]
  created_at: 1600000000
"""
)
NEW = {
    "services": "1/0/0/0",
    "routes": "1/0/0/0",
    "plugins": "1/0/0/0",
    "consumers": "2/0/0/0",
    "acls": "1/0/0/0",
    "credentials": "3/0/0/0",
}
SAME = {
    "services": "0/0/0/1",
    "routes": "0/0/0/1",
    "plugins": "0/0/0/1",
    "consumers": "0/0/0/2",
    "acls": "0/0/0/1",
    "credentials": "0/0/0/3",
}
ALL = (
    kinds.SERVICES,
    kinds.ROUTES,
    kinds.PLUGINS,
    kinds.CONSUMERS,
    kinds.ACLS,
    kinds.CREDENTIALS,
)


async def state(importer: Importer) -> list[object]:
    return [await importer.all(kind) for kind in ALL]


async def key_ids(importer: Importer) -> dict[str, str]:
    return {
        importer.sealer.reveal(each).reveal().decode(): each.id
        for each in await importer.all(kinds.CREDENTIALS)
    }


async def test_everything_is_created_and_the_next_time_nothing_is_to_do(
    importer: Importer,
) -> None:
    assert await importer.load(FILE) == NEW
    before = await state(importer)
    head = await importer.database.changes.head()
    assert await importer.load(FILE, now=NOW + 30) == SAME
    assert await importer.load(FILE, prune=True, now=NOW + 30) == SAME
    assert await state(importer) == before
    assert await importer.database.changes.head() == head


async def test_what_differs_is_changed_and_the_rest_is_left_alone(importer: Importer) -> None:
    await importer.load(FILE)
    keys = await key_ids(importer)
    changed = (
        FILE.replace("orders.internal", "elsewhere.internal")
        .replace("tags: [x]", "tags: [y]")
        .replace("[apikey]", "[apikey, x-key]")
        .replace("custom_id: c1", "custom_id: c9")
    )
    assert await importer.load(changed, now=NOW + 30) == SAME | {
        "services": "0/1/0/0",
        "plugins": "0/1/0/0",
        "consumers": "0/1/0/1",
        "credentials": "0/1/0/2",
    }
    assert await key_ids(importer) == keys
    alice = await importer.database.consumers.find(username="alice")
    assert alice is not None
    assert (alice.custom_id, alice.created_at, alice.updated_at) == ("c9", NOW, NOW + 30)


async def test_what_was_made_otherwise_is_recognised_by_its_name(importer: Importer) -> None:
    database = importer.database
    issuer = Issuer(database, sealer=importer.sealer, clock=lambda: NOW)
    alice = await issuer.add_consumer("alice", custom_id="c1", groups=("staff",))
    key = await issuer.add_key(alice, "canary-1")
    orders = a_service(1, name="orders", host="orders.internal", tags=("team",))
    await database.services.insert(orders)
    done = await importer.load(FILE)
    assert done == NEW | {
        "services": "0/0/0/1",
        "consumers": "1/0/0/1",
        "acls": "0/0/0/1",
        "credentials": "2/0/0/1",
    }
    assert (await key_ids(importer))["canary-1"] == key.id
    assert {each.consumer_id for each in await importer.all(kinds.CREDENTIALS)} == {alice.id}
    [route] = await importer.all(kinds.ROUTES)
    assert route.service_id == orders.id


async def test_with_prune_what_is_not_in_the_file_goes(importer: Importer) -> None:
    await importer.load(FILE)
    smaller = HEAD + "consumers: [{username: alice, keyauth_credentials: [{key: canary-2}]}]"
    assert await importer.load(smaller) == {"consumers": "0/1/0/0", "credentials": "0/1/0/0"}
    assert len(await importer.all(kinds.CREDENTIALS)) == 3
    assert await importer.load(smaller, prune=True) == {
        "services": "0/0/1/0",
        "routes": "0/0/1/0",
        "plugins": "0/0/1/0",
        "consumers": "0/0/1/1",
        "acls": "0/0/1/0",
        "credentials": "0/0/2/1",
    }
    assert [len(rows) for rows in await state(importer)] == [0, 0, 0, 1, 0, 1]


async def test_a_file_that_deck_selected_by_tags_prunes_only_what_has_them(
    importer: Importer,
) -> None:
    await importer.load(HEAD + "consumers: [{username: a, tags: [t]}, {username: b}]")
    selected = HEAD + "_info: {select_tags: [t]}\nconsumers: [{username: c}]"
    assert await importer.load(selected, prune=True) == {"consumers": "1/0/1/0"}
    left = await importer.all(kinds.CONSUMERS)
    assert {(each.username, each.tags) for each in left} == {("b", None), ("c", ("t",))}


async def test_a_key_that_is_renewed_by_imports_does_not_live_for_ever(importer: Importer) -> None:
    def file(ttl: str) -> str:
        return HEAD + f"consumers: [{{username: a, keyauth_credentials: [{{key: canary{ttl}}}]}}]"

    async def expiry() -> int | None:
        [row] = await importer.all(kinds.CREDENTIALS)
        return row.expires_at

    await importer.load(file(", ttl: 60"))
    assert await importer.load(file(", ttl: 60"), now=NOW + 50) == {
        "consumers": "0/0/0/1",
        "credentials": "0/0/0/1",
    }
    assert await expiry() == NOW + 60
    await importer.load(file(", ttl: 30"))
    assert await expiry() == NOW + 30
    await importer.load(file(", ttl: 90"))
    assert await expiry() == NOW + 30
    await importer.load(file(""))
    assert await expiry() is None
    await importer.load(file(", ttl: 90"))
    assert await expiry() == NOW + 90


async def test_a_key_that_the_file_leaves_open_is_made_once(importer: Importer) -> None:
    file = HEAD + "consumers: [{username: a, keyauth_credentials: [{tags: [t]}, {key: canary}]}]"
    await importer.load(file)
    keys = await key_ids(importer)
    assert len(keys) == 2
    assert await importer.load(file) == {"consumers": "0/0/0/1", "credentials": "0/0/0/2"}
    assert await importer.load(file.replace("[t]", "[u]")) == {
        "consumers": "0/0/0/1",
        "credentials": "0/1/0/1",
    }
    assert await key_ids(importer) == keys


async def test_keys_may_change_their_places_in_the_file(importer: Importer) -> None:
    def file(*keys: str) -> str:
        listed = ", ".join(f"{{key: {key}}}" for key in keys)
        return HEAD + f"consumers: [{{username: a, keyauth_credentials: [{listed}]}}]"

    await importer.load(file("canary-1", "canary-2"))
    before = await key_ids(importer)
    await importer.load(file("canary-0", "canary-2", "canary-1"))
    after = await key_ids(importer)
    assert before.items() <= after.items()
    assert after.keys() == {"canary-0", "canary-1", "canary-2"}
    await importer.load(file("canary-9"))  # no other key had to give way for it
    assert (await key_ids(importer)).keys() == after.keys() | {"canary-9"}


async def test_a_consumer_that_was_renamed_is_not_taken_for_two(importer: Importer) -> None:
    await importer.load(HEAD + "consumers: [{username: a}]")
    [row] = await importer.all(kinds.CONSUMERS)  # its id is the one that is derived from `a`
    await importer.database.consumers.replace(replace(row, username="b"))
    both = HEAD + "consumers: [{username: a}, {username: b}]"
    assert await importer.load(both) == {"consumers": "1/0/0/1"}
    assert {each.username for each in await importer.all(kinds.CONSUMERS)} == {"a", "b"}
    assert await importer.load(both) == {"consumers": "0/0/0/2"}


async def test_a_row_that_somebody_meddled_with_is_written_anew(importer: Importer) -> None:
    await importer.load(FILE)
    rows = await importer.all(kinds.CREDENTIALS)
    await importer.database.credentials.replace(
        replace(rows[0], sealed_key=rows[0].sealed_key[:-1] + b"\x00")
    )
    assert (await importer.load(FILE))["credentials"] == "0/1/0/2"
    assert len(await key_ids(importer)) == 3


ALICE = "consumers: [{username: alice}]"
CONFLICTS = {
    "a key of another consumer": (
        "consumers: [{username: bob, keyauth_credentials: [{key: canary-1}]}]",
        "keyauth_credentials (of consumer bob)",
        "key",
    ),
    "a key under another id": (
        f"{ALICE}\nkeyauth_credentials: [{{id: {an_id(7)}, consumer: alice, key: canary-1}}]",
        f"keyauth_credentials ({an_id(7)}, of consumer alice)",
        "key",
    ),
    "a username under another id": (
        f"consumers: [{{id: {an_id(7)}, username: alice}}]",
        "consumers (alice)",
        "username",
    ),
    "a custom id of another consumer": (
        "consumers: [{username: bob, custom_id: c1}]",
        "consumers (bob)",
        "custom_id",
    ),
    "a service's name under another id": (
        f"services: [{{id: {an_id(7)}, name: orders, host: h}}]",
        "services (orders)",
        "name",
    ),
}


@pytest.mark.parametrize(("text", "who", "field"), CONFLICTS.values(), ids=CONFLICTS.keys())
async def test_what_collides_is_told_without_the_key_and_nothing_is_written(
    importer: Importer, text: str, who: str, field: str
) -> None:
    await importer.load(FILE)
    before = await state(importer)
    with pytest.raises(ImportConflictError) as caught:
        await importer.load(HEAD + text)
    line = str(caught.value)
    assert line.startswith(f"{who}: ")
    assert line.endswith(f"in the database has the same {field}")
    assert "canary" not in line
    assert await state(importer) == before


async def test_with_prune_what_is_in_the_way_goes_first(importer: Importer) -> None:
    await importer.load(FILE)
    taking_over = HEAD + (
        f"consumers: [{{id: {an_id(7)}, username: alice, keyauth_credentials: "
        f"[{{id: {an_id(8)}, key: canary-1}}]}}]"
    )
    assert await importer.load(taking_over, prune=True) == {
        "services": "0/0/1/0",
        "routes": "0/0/1/0",
        "plugins": "0/0/1/0",
        "consumers": "1/0/2/0",
        "acls": "0/0/1/0",
        "credentials": "1/0/3/0",
    }
    assert await key_ids(importer) == {"canary-1": an_id(8)}


async def test_the_two_names_of_key_auth_are_one_plugin(importer: Importer) -> None:
    await importer.load(HEAD + "plugins: [{name: key-auth}]")
    assert await importer.load(HEAD + "plugins: [{name: key-auth-enc}]") == {"plugins": "0/1/0/0"}
    assert [each.name for each in await importer.all(kinds.PLUGINS)] == ["key-auth-enc"]


async def test_a_key_is_found_by_any_index_key_while_one_gives_way_to_another(
    importer: Importer,
) -> None:
    await importer.load(FILE)
    keys = await key_ids(importer)
    new, old = BlindIndex(b"\x07" * 32), importer.sealer._blind_index
    importer.sealer._blind_index, importer.sealer._others = new, (old,)
    assert await importer.load(FILE) == SAME
    assert await key_ids(importer) == keys
