"""ASGI: clients that leave before they have their answer, where requests have no body."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive


async def departure(receive: Receive) -> None:
    """Ends when the client has left. Bodies of requests are read and forgotten: no face takes one."""
    while (await receive())["type"] != "http.disconnect":
        pass


def waiting(gone: asyncio.Task[None]) -> Callable[[], Awaitable[Message]]:
    """An empty body, and then the end of the connection."""
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.wait({gone})
        return {"type": "http.disconnect"}

    return receive
