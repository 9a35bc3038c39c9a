"""The agent's side of a data channel: handshake, order, acknowledgement, sending again.

It does no input or output: bytes come in by `receive`, and `take` has what is to go out. Source:
aws/session-manager-plugin, `src/datachannel/streaming.go`; aws/amazon-ssm-agent,
`agent/session/datachannel`.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from registry.ecs.sessions.messages import FIN, SYN, BadMessage, Kind, Message, Payload, decode

AGENT_VERSION = "3.3.0.0"
"""Of the SSM agent whose protocol this is; the plugin decides by it what it may ask."""
WINDOW = 64
"""Stream messages that may be on their way unacknowledged."""
PIECE_BYTES = 8192
AHEAD = 1024
"""Messages that may come before their turn and are kept."""
FIRST_SECONDS, LONGEST_SECONDS = 0.2, 1.0
"""How soon the oldest message is sent again; the plugin's own first wait and its longest."""
TERMINATE = 2
"""The flag by which the client ends the session."""


@dataclass(frozen=True, slots=True)
class Input:
    """Bytes that were typed."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Resized:
    """The client's terminal has this size."""

    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The handshake is over."""


@dataclass(frozen=True, slots=True)
class Terminated:
    """The client wants no more."""


Event = Input | Resized | Ready | Terminated


@dataclass(slots=True)
class _Sent:
    data: bytes
    at: float
    wait: float = FIRST_SECONDS


class Channel:
    """One session's channel."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._outgoing: list[bytes] = []
        self._unacknowledged: OrderedDict[int, _Sent] = OrderedDict()
        self._next = 0
        self._expected = 0
        self._early: dict[int, Message] = {}

    @property
    def room(self) -> bool:
        """Whether more may be sent now."""
        return len(self._unacknowledged) < WINDOW

    @property
    def settled(self) -> bool:
        """Whether the client has all that was sent."""
        return not self._unacknowledged

    def take(self) -> list[bytes]:
        """What is to be written now, in this order."""
        found, self._outgoing = self._outgoing, []
        return found

    def begin(self, now: float) -> None:
        """Ask for the handshake: what kind of session it is to be."""
        asked = {
            "ActionType": "SessionType",
            "ActionParameters": {"SessionType": "InteractiveCommands", "Properties": None},
        }
        request = {"AgentVersion": AGENT_VERSION, "RequestedClientActions": [asked]}
        self._stream(Payload.HANDSHAKE_REQUEST, json.dumps(request).encode(), now)

    def write(self, data: bytes, now: float) -> None:
        """Send output, `PIECE_BYTES` at most, while there is room."""
        self._stream(Payload.OUTPUT, data, now)

    def close(self, output: str = "") -> None:
        """Say that the session is over; `output` is why, where it did not just end."""
        message = Message(Kind.CLOSED)
        content = {
            "MessageId": str(message.id),
            "CreatedDate": str(message.created),
            "DestinationId": "",
            "SessionId": self._session_id,
            "MessageType": Kind.CLOSED.value,
            "SchemaVersion": 1,
            "Output": output,
        }
        payload = json.dumps(content).encode()
        closed = Message(Kind.CLOSED, payload, id=message.id, created=message.created)
        self._outgoing.append(closed.encode())

    def tick(self, now: float) -> None:
        """Send the oldest message again if it has waited too long for its acknowledgement.

        Only that one: the client keeps those that came after it, and plays them in order.
        """
        for sent in self._unacknowledged.values():
            if now - sent.at >= sent.wait:
                sent.at, sent.wait = now, min(2 * sent.wait, LONGEST_SECONDS)
                self._outgoing.append(sent.data)
            return

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What a message from the client brings about. Raises BadMessage."""
        message = decode(data)
        if message.kind == Kind.ACKNOWLEDGE:
            self._unacknowledged.pop(_number(_object(message), "AcknowledgedMessageSequenceNumber"),
                                     None)  # fmt: skip
            return []
        if message.kind != Kind.INPUT:
            return []
        if message.sequence > self._expected + AHEAD:
            return []  # not acknowledged: it comes again
        self._acknowledge(message)
        if message.sequence >= self._expected:
            self._early[message.sequence] = message
        found: list[Event] = []
        while (due := self._early.pop(self._expected, None)) is not None:
            self._expected += 1
            found += self._event(due, now)
        return found

    def _event(self, message: Message, now: float) -> list[Event]:
        if message.payload_type == Payload.OUTPUT:
            return [Input(message.payload)]
        if message.payload_type == Payload.SIZE:
            size = _object(message)
            return [Resized(_number(size, "cols"), _number(size, "rows"))]
        if message.payload_type == Payload.HANDSHAKE_RESPONSE:
            return self._complete(message, now)
        if message.payload_type == Payload.FLAG:
            ended = int.from_bytes(message.payload, "big") == TERMINATE
            return [Terminated()] if ended else []
        return []

    def _complete(self, message: Message, now: float) -> list[Event]:
        answer = _object(message)
        if answer.get("Errors"):
            raise BadMessage("the client refuses the handshake")
        complete = {"HandshakeTimeToComplete": 0, "CustomerMessage": ""}
        self._stream(Payload.HANDSHAKE_COMPLETE, json.dumps(complete).encode(), now)
        return [Ready()]

    def _stream(self, payload_type: Payload, payload: bytes, now: float) -> None:
        flags = SYN if self._next == 0 else 0
        message = Message(Kind.OUTPUT, payload, payload_type, self._next, flags)
        data = message.encode()
        self._unacknowledged[self._next] = _Sent(data, now)
        self._outgoing.append(data)
        self._next += 1

    def _acknowledge(self, message: Message) -> None:
        content = {
            "AcknowledgedMessageType": message.kind,
            "AcknowledgedMessageId": str(message.id),
            "AcknowledgedMessageSequenceNumber": message.sequence,
            "IsSequentialMessage": True,
        }
        payload = json.dumps(content).encode()
        self._outgoing.append(Message(Kind.ACKNOWLEDGE, payload, flags=SYN | FIN).encode())


def _object(message: Message) -> dict[str, Any]:
    try:
        found = json.loads(message.payload)
    except ValueError:
        raise BadMessage("its payload is no JSON") from None
    if not isinstance(found, dict):
        raise BadMessage("its payload is no JSON object")
    return found


def _number(content: dict[str, Any], name: str) -> int:
    found = content.get(name)
    if not isinstance(found, int) or not 0 <= found < 1 << 63:
        raise BadMessage(f"{name} is no number")
    return found
