"""Messages survive the wire, and what is no message is refused."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.ecs.sessions.messages import BadMessage, Kind, Message, decode

MESSAGES = st.builds(
    Message,
    st.sampled_from([kind.value for kind in Kind]),
    st.binary(max_size=300),
    st.integers(0, 12),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 3),
    st.uuids(),
    st.integers(1, 2**63),
)


@given(MESSAGES)
def test_what_is_encoded_is_decoded(message: Message) -> None:
    assert decode(message.encode()) == message


@given(MESSAGES, st.data())
def test_a_cut_message_is_refused(message: Message, data: st.DataObject) -> None:
    encoded = message.encode()
    with pytest.raises(BadMessage):
        decode(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


def test_a_payload_of_another_digest_is_refused() -> None:
    encoded = bytearray(Message(Kind.INPUT, b"ls").encode())
    encoded[-1] ^= 1
    with pytest.raises(BadMessage, match="digest"):
        decode(bytes(encoded))


def test_the_layout_is_the_plugins() -> None:
    """Offsets of aws/session-manager-plugin, `clientmessage.go`."""
    number = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
    encoded = Message(Kind.OUTPUT, b"x", 1, 7, 1, number, 5).encode()
    assert encoded[:4] == (116).to_bytes(4, "big")
    assert encoded[4:36] == b"output_stream_data".ljust(32)
    assert encoded[48:56] == (7).to_bytes(8, "big")
    assert encoded[64:80] == number.bytes[8:] + number.bytes[:8]
    assert encoded[112:116] == (1).to_bytes(4, "big")
    assert encoded[116:] == (1).to_bytes(4, "big") + b"x"
