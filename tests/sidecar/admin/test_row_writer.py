"""Writers that did not hear of a change of the ring."""

from authsvc.sealing import INDEX
from authsvc.store import Stores
from tests.fakes.admin_api import serving
from tests.fakes.ring import empty_ring, held_ring, hold


async def test_a_key_made_by_a_removed_index_key_is_made_again(stores: Stores) -> None:
    await empty_ring(stores)
    held, sleeper = await held_ring(stores), await held_ring(stores)
    async with serving(
        stores, sealer=sleeper.sealer, reload_ring=sleeper.custodian.reload
    ) as client:
        await client.put("/consumers/bob")
        old = (await client.post("/consumers/bob/key-auth-enc", {})).json()
        rotator = hold(stores, held.custodian, held.sealer, writers=0.0).rotator
        await rotator.begin(INDEX)
        await rotator.work()
        created = await client.post("/consumers/bob/key-auth-enc", {"key": "late"})
        changed = await client.patch(f"/key-auths-enc/{old['id']}", {"tags": ["x"]})
    assert (created.status, changed.status) == (201, 200)
    rows = await stores.credentials.page(size=10)
    keys = {held.sealer.reveal(row).reveal().decode() for row in rows}
    assert keys == {"late", old["key"]}
    assert len({row.index_key_id for row in rows}) == 1
    assert all(row.digest == held.sealer.digest(held.sealer.reveal(row)) for row in rows)


async def test_without_a_ring_to_load_the_write_is_refused(stores: Stores) -> None:
    await empty_ring(stores)
    held, sleeper = await held_ring(stores), await held_ring(stores)
    async with serving(stores, sealer=sleeper.sealer) as client:
        await client.put("/consumers/bob")
        rotator = hold(stores, held.custodian, held.sealer, writers=0.0).rotator
        await rotator.begin(INDEX)
        await rotator.work()
        assert (await client.post("/consumers/bob/key-auth-enc", {})).status == 503
    assert not await stores.credentials.page(size=10)
