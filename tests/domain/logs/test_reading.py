"""Pages against a plain list of all events, for any batches in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.database.database import Database
from registry.domain.logs import tables
from registry.domain.logs.blocks import SPAN, Event
from registry.domain.logs.groups import Group, Groups, NewGroup
from registry.domain.logs.keys import GroupKeys
from registry.domain.logs.positions import position, timestamp_of, token_of
from registry.domain.logs.reading import Reading, Wanted
from registry.domain.logs.streams import Stream, Streams
from registry.domain.logs.writing import Writing
from registry.domain.vault import PLAIN, Vault
from registry.keys.local import LocalKeyring
from registry.storage.filesystem import FilesystemDriver
from registry.values.errors import Damaged, ParameterInvalid
from registry.values.scope import Scope

SCOPE = Scope("123456789012", "us-east-1")
NOW = 1_800_000_000_000


class Logs:
    """One group with two streams."""

    def __init__(self, folder: Path) -> None:
        keyring = LocalKeyring(folder / "keyring.json", SCOPE.account, SCOPE.region)
        self.database = Database(folder / "logs.db")
        tables.upgrade(self.database)
        self.keys = GroupKeys(Vault(FilesystemDriver(folder / "storage"), keyring))
        self.key_id = keyring.resolve("alias/moorage/default")
        self.groups = Groups(self.database, self.keys, self.clock)
        self.streams = Streams(self.database, self.clock)
        self.writing = Writing(self.database, self.keys, self.clock)
        self.reading = Reading(self.database, self.keys, self.clock)

    def clock(self) -> int:
        return NOW

    def made(self, name: str, *streams: str) -> tuple[Group, list[Stream]]:
        self.groups.create(SCOPE, NewGroup(name, self.key_id))
        group = self.groups.get(SCOPE, name)
        for each in streams:
            self.streams.create(group, each)
        return group, [self.streams.get(group, each) for each in streams]


@pytest.fixture(scope="module")
def logs() -> Iterator[Logs]:
    with TemporaryDirectory() as folder:
        opened = Logs(Path(folder))
        yield opened
        opened.database.close()


times = st.integers(0, 3 * SPAN).map(lambda offset: NOW - 4 * SPAN + offset)
batches = st.lists(
    st.tuples(st.integers(0, 1), st.lists(times, min_size=1, max_size=6).map(sorted)), max_size=8
)


@settings(max_examples=60, deadline=None)
@given(given_=batches, limit=st.integers(1, 5), of=st.sampled_from([None, 0, 1]), data=st.data())
def test_pages_are_the_events_in_their_order(
    logs: Logs, given_: list[tuple[int, list[int]]], limit: int, of: int | None, data: st.DataObject
) -> None:
    name = f"group-{logs.clock()}-{id(given_)}"
    group, streams = logs.made(name, "a", "b")
    model: list[tuple[int, int, str]] = []  # time, order of arrival, message
    for number, (which, timestamps) in enumerate(given_):
        events = [Event(time, f"{number}.{i}") for i, time in enumerate(timestamps)]
        logs.writing.put(group, streams[which], events)
        if of is None or of == which:
            model += [(e.timestamp, len(model) + i, e.message) for i, e in enumerate(events)]
    start, end = sorted([data.draw(times), data.draw(times)])
    wanted = Wanted(start=start, end=end, limit=limit, backward=data.draw(st.booleans()))
    if of is not None:
        wanted = replace(wanted, stream_ids=[streams[of].id])
    expected = [text for time, _, text in sorted(model) if start <= time <= end]
    if wanted.backward:
        expected.reverse()
    found: list[str] = []
    while True:
        page = logs.reading.page(group, wanted)
        assert len(page.events) <= limit
        found += [event.message for event in page.events]
        if page.reached is None:
            break
        wanted = wanted.beyond(page.reached)
    assert found == expected
    logs.groups.delete(SCOPE, name)


@given(st.integers(0, 2**50), st.integers(1, 2**40), st.integers(0, 2**20))
def test_positions_are_in_the_order_of_time_block_and_place(
    time: int, block: int, index: int
) -> None:
    here = position(time, block, index)
    assert timestamp_of(here) == time
    assert here < position(time, block, index + 1) < position(time, block + 1)
    assert position(time, block + 1) < position(time + 1)
    assert token_of(f"f/{here:056d}/s").number == here
    with pytest.raises(ParameterInvalid):
        token_of(f"f/{here}/s ")


def test_a_block_opens_in_its_own_place_alone(logs: Logs) -> None:
    group, (one, other) = logs.made("moved", "one", "other")
    logs.writing.put(group, one, [Event(NOW, "hello")])
    with logs.database.write() as connection:
        moved = sa.update(tables.log_blocks).where(tables.log_blocks.c.stream_id == one.id)
        connection.execute(moved.values(stream_id=other.id))
    with pytest.raises(Damaged):
        logs.reading.page(group, Wanted())


def test_without_encryption_events_are_kept_all_the_same(logs: Logs) -> None:
    logs.groups.create(SCOPE, NewGroup("plain", PLAIN))
    group = logs.groups.get(SCOPE, "plain")
    logs.streams.create(group, "s")
    logs.writing.put(group, logs.streams.get(group, "s"), [Event(NOW, "hello")])
    assert [event.message for event in logs.reading.page(group, Wanted()).events] == ["hello"]
