"""The client's side of a data channel, as aws/session-manager-plugin has it.

Written from the facts of its source (`src/datachannel/streaming.go`), as the tests' own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from registry.ecs.sessions.messages import Kind, Message, Payload, decode


@dataclass
class Plugin:
    """What it received, and what it wants to send."""

    output: bytearray = field(default_factory=bytearray)
    outgoing: list[bytes] = field(default_factory=list)
    requested: Any = None
    ready: bool = False
    closed: Any = None
    """The content of `channel_closed`."""
    sent: int = 0
    _expected: int = 0
    _early: dict[int, Message] = field(default_factory=dict)

    def send(self, payload: bytes, payload_type: Payload = Payload.OUTPUT) -> bytes:
        """A message of the input stream; it is to be sent again until it is acknowledged."""
        message = Message(Kind.INPUT, payload, payload_type, self.sent)
        self.sent += 1
        self.outgoing.append(message.encode())
        return self.outgoing[-1]

    def receive(self, data: bytes) -> None:
        """A message from the server."""
        message = decode(data)
        if message.kind == Kind.CLOSED:
            self.closed = json.loads(message.payload)
        if message.kind != Kind.OUTPUT:
            return
        acknowledged = {
            "AcknowledgedMessageType": message.kind,
            "AcknowledgedMessageId": str(message.id),
            "AcknowledgedMessageSequenceNumber": message.sequence,
            "IsSequentialMessage": True,
        }
        payload = json.dumps(acknowledged).encode()
        self.outgoing.append(Message(Kind.ACKNOWLEDGE, payload, flags=3).encode())
        if message.sequence >= self._expected:
            self._early[message.sequence] = message
        while (due := self._early.pop(self._expected, None)) is not None:
            self._expected += 1
            self._process(due)

    def _process(self, message: Message) -> None:
        if message.payload_type == Payload.HANDSHAKE_REQUEST:
            self.requested = json.loads(message.payload)
            done = [{"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None}]
            answer = {"ClientVersion": "1.2.0", "ProcessedClientActions": done, "Errors": []}
            self.send(json.dumps(answer).encode(), Payload.HANDSHAKE_RESPONSE)
        elif message.payload_type == Payload.HANDSHAKE_COMPLETE:
            self.ready = True
        else:
            self.output += message.payload
