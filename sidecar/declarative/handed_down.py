"""Declarations in a child process: the supervisor hands them down, over the control socket."""

import asyncio

from sidecar.control import Applied, ChildEnd, Load, Offer
from sidecar.declarative.declaration import Declaration
from sidecar.declarative.editions import CannotPublishError, Edition, Latest
from sidecar.declarative.encoding import decode_declaration, encode_declaration

SETTLED_WITHIN = 20.0  # seconds: longer than the supervisor waits for its children


class HandedDown:
    """``Declarations`` over a control socket. ``listen`` has to run meanwhile."""

    def __init__(self, channel: ChildEnd, *, patience: float = SETTLED_WITHIN) -> None:
        self._channel = channel
        self._patience = patience
        self._newest: Latest[Load] = Latest()
        self._offers: dict[int, asyncio.Future[bool]] = {}
        self._made = 0

    async def listen(self) -> None:
        """Take what the supervisor says, until it is gone.

        Raises:
            ValueError: It says what nobody understands.
        """
        while (order := await self._channel.receive_order()) is not None:
            if isinstance(order, Load):
                self._newest.put(order)
            elif (waiting := self._offers.get(order.offer)) is not None and not waiting.done():
                waiting.set_result(order.applied)

    async def next(self) -> Edition:
        """Wait for the next edition."""
        load = await self._newest.take()
        return Edition(load.number, await asyncio.to_thread(decode_declaration, load.content))

    def applied(self, number: int) -> None:
        """Tell the supervisor."""
        self._channel.say(Applied(number))

    async def publish(self, declaration: Declaration) -> bool:
        """Offer a declaration to the supervisor, and wait until it is in force."""
        content = await asyncio.to_thread(encode_declaration, declaration)
        self._made += 1
        offer, waiting = self._made, asyncio.get_running_loop().create_future()
        self._offers[offer] = waiting
        try:
            if not self._channel.say(Offer(offer, content)):
                raise CannotPublishError("the supervisor does not listen; try again")
            async with asyncio.timeout(self._patience):
                return bool(await waiting)
        finally:
            del self._offers[offer]
