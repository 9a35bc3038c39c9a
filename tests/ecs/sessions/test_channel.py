"""The agent's side of a channel, over a wire that loses and reorders."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.ecs.sessions.channel import Channel, Input, Ready, Resized, Terminated
from registry.ecs.sessions.messages import BadMessage, Kind, Message, Payload
from tests.ecs.sessions.plugin import Plugin


def opened() -> tuple[Channel, Plugin]:
    channel, plugin = Channel("s-1"), Plugin()
    channel.begin(0)
    for data in channel.take():
        plugin.receive(data)
    events = [event for data in plugin.outgoing for event in channel.receive(data, 0)]
    assert events == [Ready()]
    plugin.outgoing.clear()
    for data in channel.take():
        plugin.receive(data)
    assert plugin.ready
    for data in plugin.outgoing:
        channel.receive(data, 0)
    plugin.outgoing.clear()
    assert channel.settled
    return channel, plugin


def test_the_handshake_asks_for_a_command() -> None:
    _, plugin = opened()
    (action,) = plugin.requested["RequestedClientActions"]
    assert action["ActionType"] == "SessionType"
    assert action["ActionParameters"]["SessionType"] == "InteractiveCommands"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=80), st.randoms())
def test_nothing_is_lost_and_nothing_changes_places(pieces: list[bytes], chance: Random) -> None:
    channel, plugin = opened()
    waiting, now = list(pieces), 0.0
    while waiting or not channel.settled:
        now += 0.3
        while waiting and channel.room:
            channel.write(waiting.pop(0), now)
        channel.tick(now)
        out = channel.take()
        chance.shuffle(out)
        for data in out:
            if chance.random() < 0.7:
                plugin.receive(data)
        for data in plugin.outgoing:
            if chance.random() < 0.7:
                channel.receive(data, now)
        plugin.outgoing.clear()
    assert bytes(plugin.output) == b"".join(pieces)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20), max_size=40), st.randoms())
def test_input_is_played_once_and_in_its_order(pieces: list[bytes], chance: Random) -> None:
    channel, plugin = opened()
    sent = [plugin.send(piece) for piece in pieces]
    chance.shuffle(sent)
    found = [event for data in sent * 2 for event in channel.receive(data, 0)]
    assert found == [Input(piece) for piece in pieces]


def test_size_and_end_are_understood() -> None:
    channel, plugin = opened()
    size = plugin.send(json.dumps({"cols": 111, "rows": 30}).encode(), Payload.SIZE)
    end = plugin.send((2).to_bytes(4, "big"), Payload.FLAG)
    assert channel.receive(size, 0) == [Resized(111, 30)]
    assert channel.receive(end, 0) == [Terminated()]


def test_the_end_names_the_session() -> None:
    channel, plugin = opened()
    channel.close("why")
    for data in channel.take():
        plugin.receive(data)
    assert plugin.closed["SessionId"] == "s-1"
    assert plugin.closed["Output"] == "why"


@pytest.mark.parametrize("payload", [b"[]", b"{", b'{"cols": "a", "rows": 1}', b'{"cols": -1}'])
def test_a_size_that_is_none_is_refused(payload: bytes) -> None:
    channel, plugin = opened()
    with pytest.raises(BadMessage):
        channel.receive(plugin.send(payload, Payload.SIZE), 0)


def test_what_nobody_asked_for_is_dropped() -> None:
    channel, _ = opened()
    assert channel.receive(Message(Kind.INPUT, b"x", Payload.OUTPUT, 10**9).encode(), 0) == []
    assert channel.take() == []
