"""The other side of an ASGI application, played by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.types import Message, Receive


def receiving(parts: Iterable[bytes], *, hang_up: bool = False) -> Receive:
    """A `receive` that gives the parts as one body, or hangs up after them."""
    given = list(parts)
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": hang_up or number < len(given)}
        for number, part in enumerate(given, 1)
    ]
    waiting = iter(messages or ([] if hang_up else [{"type": "http.request"}]))

    async def receive() -> Message:
        message = next(waiting, None)
        if message is not None:
            return message
        if not hang_up:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return receive


class Sent:
    """A `send` that keeps what it was given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        body = bytes(message.get("body", b""))
        self.messages.append({**message, "body": body})

    @property
    def body(self) -> bytes:
        return b"".join(m["body"] for m in self.messages if m["type"] == "http.response.body")

    @property
    def complete(self) -> bool:
        last = self.messages[-1]
        return last["type"] == "http.response.body" and not last["more_body"]
