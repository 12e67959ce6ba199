"""A child hears of each declaration, offers its own, and is told what became of it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple

import pytest

from sidecar.control import Applied, ChildEnd, Load, Offer, ParentEnd, Settled
from sidecar.declarative.editions import CannotPublishError
from sidecar.declarative.encoding import decode_declaration, encode_declaration
from sidecar.declarative.handed_down import HandedDown
from tests.deadline import eventually
from tests.fakes.declarations import a_consumer, declared

A = declared(consumers=[a_consumer("a", "k")])
B = declared(consumers=[a_consumer("b", "k")])


class Scene(NamedTuple):
    parent: ParentEnd
    child: HandedDown
    channel: ChildEnd


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    ours, theirs = socket.socketpair()
    parent = await ParentEnd.open(ours)
    channel = await ChildEnd.open(theirs.detach())
    child = HandedDown(channel, patience=10)
    listening = asyncio.create_task(child.listen())
    yield Scene(parent, child, channel)
    parent.close()
    with suppress(asyncio.CancelledError):
        await asyncio.wait_for(listening, 10)  # it ends with the parent
    await channel.close()


async def test_each_edition_is_heard_and_the_answer_is_its_number(scene: Scene) -> None:
    for number, declaration in ((1, A), (2, B)):
        await scene.parent.send(Load(number, encode_declaration(declaration)))
        edition = await scene.child.next()
        assert (edition.number, edition.declaration.consumers) == (number, declaration.consumers)
        scene.child.applied(number)
        assert await scene.parent.receive() == Applied(number)


async def test_who_was_busy_hears_only_the_newest(scene: Scene) -> None:
    for number, declaration in ((1, A), (2, A), (3, B)):
        await scene.parent.send(Load(number, encode_declaration(declaration)))
    await eventually(
        lambda: scene.child._newest._value and scene.child._newest._value.number == 3,
        "the newest to arrive",
    )
    assert (await scene.child.next()).number == 3


@pytest.mark.parametrize("applied", [True, False])
async def test_an_offer_is_answered_with_what_became_of_it(scene: Scene, applied: bool) -> None:
    publishing = asyncio.create_task(scene.child.publish(A))
    offer = await scene.parent.receive()
    assert isinstance(offer, Offer)
    assert decode_declaration(offer.content).consumers == A.consumers
    await scene.parent.send(Settled(offer.offer + 1, applied=not applied))  # another's
    await scene.parent.send(Settled(offer.offer, applied=applied))
    assert await publishing is applied


async def test_an_offer_that_nobody_answers_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        channel = await ChildEnd.open(theirs.detach())
        with pytest.raises(TimeoutError):
            await HandedDown(channel, patience=0.01).publish(A)
        await channel.close()


async def test_an_offer_to_a_parent_that_does_not_listen_is_not_made(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene.channel, "say", lambda _message: False)
    with pytest.raises(CannotPublishError):
        await scene.child.publish(A)
