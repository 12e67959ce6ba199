"""A child is told all it needs and tells how it is; the open socket is the parent's life."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import msgpack, structs

from sidecar.control import (
    Applied,
    ChildEnd,
    Failure,
    Load,
    Offer,
    ParentEnd,
    Report,
    Settled,
)
from sidecar.secret import Secret
from sidecar.settings import Authsvc, Database, Settings
from tests.fakes.stage import spec_of


class Ends(NamedTuple):
    parent: ParentEnd
    child: ChildEnd
    child_socket: socket.socket


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ours, theirs = socket.socketpair()
    parent = await ParentEnd.open(ours)
    child = await ChildEnd.open(theirs.detach())
    yield Ends(parent, child, ours)
    parent.close()
    await child.close()


async def test_a_child_is_told_everything_secrets_included(ends: Ends, tmp_path: Path) -> None:
    settings = Settings(
        database=Database(url=Secret("postgresql://u:p@h/d")),
        authsvc=Authsvc(grpc=None, default_plugin={"key_names": ["ä", "x" * 100_000]}),
    )
    spec = structs.replace(spec_of("authsvc-3", tmp_path, tmp_path), settings=settings)
    await ends.parent.send(spec)
    assert await ends.child.receive() == spec


def test_what_a_child_is_told_does_not_show_its_secrets(tmp_path: Path) -> None:
    assert "canary" not in repr(spec_of("authsvc-0", tmp_path))


def test_a_process_is_named_by_its_role_and_number(tmp_path: Path) -> None:
    assert spec_of("authsvc-3", tmp_path).name == "authsvc-3"


async def test_the_parent_hears_what_the_child_says_in_order(ends: Ends) -> None:
    said = [
        Report(checks={"database": True}),
        Report(checks={"database": False}),
        Failure(message="no ünicode is lost", configuration=True),
        Applied(3),
        Offer(1, b"x" * 5_000_000),
    ]
    for message in said:
        ends.child.say(message)
    assert [await ends.parent.receive() for _ in said] == said


@pytest.mark.parametrize(
    ("checks", "ready"), [({}, True), ({"a": True}, True), ({"a": True, "b": False}, False)]
)
def test_a_role_is_ready_when_it_has_all_it_needs(checks: dict[str, bool], ready: bool) -> None:
    assert Report(checks=checks).ready is ready


async def test_the_end_of_the_child_is_the_end_of_its_messages(ends: Ends) -> None:
    ends.child.say(Report(checks={}))
    await ends.child.close()
    assert await ends.parent.receive() == Report(checks={})
    assert await ends.parent.receive() is None


async def test_a_parent_that_goes_before_it_speaks_leaves_nothing_to_do(ends: Ends) -> None:
    ends.parent.close()
    assert await ends.child.receive() is None


async def test_half_a_frame_is_nothing_to_do(ends: Ends) -> None:
    ends.parent._writer.write(b"\0\0\1\0half")
    ends.parent.close()
    assert await ends.child.receive() is None


NO_MESSAGES = {
    "no MessagePack": b"\0\0\0\1\xc1",
    "another message": b"\0\0\0\x0c" + msgpack.encode({"type": "other"}),
    "no object": b"\0\0\0\1\1",
    "longer than anything": b"\xff\xff\xff\xff",
}


@pytest.mark.parametrize("frame", NO_MESSAGES.values(), ids=NO_MESSAGES)
async def test_what_is_no_message_is_an_error(ends: Ends, frame: bytes) -> None:
    ends.child._writer.write(frame)
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind: the child is then ended
        await ends.parent.receive()


async def test_a_parent_that_does_not_listen_stops_no_child(ends: Ends) -> None:
    for _ in range(20_000):
        ends.child.say(Report(checks={"database": True}))
    assert ends.child._writer.transport.get_write_buffer_size() < 1 << 17


async def test_a_child_that_is_gone_is_no_error_when_told(ends: Ends, tmp_path: Path) -> None:
    await ends.child.close()
    await ends.parent.send(spec_of("authsvc-0", tmp_path))


async def test_a_child_hears_orders_of_any_size_behind_what_it_is(
    ends: Ends, tmp_path: Path
) -> None:
    orders = [Load(1, b"y" * 5_000_000), Settled(7, applied=True), Load(2, b"")]

    async def tell() -> None:
        for told in (spec_of("admin-0", tmp_path), *orders):
            await ends.parent.send(told)

    telling = asyncio.create_task(tell())
    assert await ends.child.receive()
    assert [await ends.child.receive_order() for _ in orders] == orders
    await telling
    ends.parent.close()
    assert await ends.child.receive_order() is None


def test_what_carries_keys_does_not_show_them() -> None:
    assert "canary" not in repr([Load(1, b"canary"), Offer(1, b"canary")])
