"""Entries, marks, lines, batches, options: each by itself."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.ecs.agent.shipping import batches as batching
from registry.ecs.agent.shipping.entries import (
    PIECE,
    TTY,
    Cut,
    Entry,
    framed,
    milliseconds,
    raw,
    since,
)
from registry.ecs.agent.shipping.lines import EVENT_MAX, Event, Joiner
from registry.ecs.agent.shipping.marks import Mark, Reading
from registry.ecs.agent.shipping.multiline import by_datetime, by_pattern
from registry.ecs.agent.shipping.options import LoggingRefused, Options, options_of
from tests.ecs.agent.shipping.fakes import at, line


def frame(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxxxL", kind, len(content)) + content


def test_frames_become_entries() -> None:
    stamp = at(1).encode() + b" "
    stream = frame(1, stamp + b"one\n") + frame(2, stamp + b"par") + frame(2, stamp + b"tial\r\n")
    assert list(framed(io.BytesIO(stream).read)) == [
        Entry("stdout", at(1), b"one", ends=True),
        Entry("stderr", at(1), b"par", ends=False),
        Entry("stderr", at(1), b"tial", ends=True),
    ]
    for cut in range(1, len(stream)):
        found = framed(io.BytesIO(stream[:cut]).read)
        whole = [len(frame(1, stamp + b"one\n")), len(stream) - len(frame(2, stamp + b"tial\r\n"))]
        if cut in whole:
            assert all(isinstance(each, Entry) for each in found)
        else:
            with pytest.raises(Cut):
                list(found)


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_terminal_has_no_frames(size: int) -> None:
    stamp = at(1).encode() + b" "
    long = b"x" * PIECE
    stream = stamp + b"one\r\n" + stamp + long + stamp + long + stamp + b"end\r\n" + stamp + b"$ "
    read = io.BytesIO(stream).read
    found = list(raw(lambda _size: read(size)))
    assert [(each.source, each.text, each.ends) for each in found] == [
        (TTY, b"one", True),
        (TTY, long, False),
        (TTY, long, False),
        (TTY, b"end", True),
        (TTY, b"$ ", False),
    ]


def test_a_run_that_ended_within_a_line() -> None:
    stream = at(1).encode() + b" $ " + at(2).encode() + b" hello\r\n" + at(3).encode() + b" x\r\n"
    read = io.BytesIO(stream).read
    found = list(raw(read, torn=True))
    assert [(each.at, each.text, each.ends) for each in found] == [
        (at(1), b"$ ", False),
        (at(2), b"hello", True),
        (at(3), b"x", True),
    ]


def test_times() -> None:
    assert milliseconds("2026-01-02T03:04:05.123456789Z") == 1767323045123
    assert since("2026-01-02T03:04:05.123456789Z") == "1767323045.123456789"


entries = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr"]), st.integers(0, 6)), max_size=25
).map(
    lambda found: [line(number, "", source) for source, number in sorted(found, key=lambda f: f[1])]
)


@given(told=entries, first=st.integers(0, 25), second=st.integers(0, 25))
def test_what_was_read_is_not_read_again(told: list[Entry], first: int, second: int) -> None:
    """Broken off twice, at any entry: each entry is read once."""
    reading = Reading({})
    seen: list[int] = []
    for end in (first, second, len(told)):
        reading.anew()
        since_ = reading.since or ""
        for index, entry in enumerate(told):
            if index >= end and end != len(told):
                break
            if entry.at >= since_ and reading.mark(entry) is not None:
                seen.append(index)
    assert sorted(seen) == list(range(len(told)))


def joined(*fed: Entry, begins: Any = None) -> list[Event]:
    joiner = Joiner(begins)
    found: list[Event] = []
    for number, entry in enumerate(fed):
        found += joiner.feed(entry, Mark(entry.at, 1), float(number))
    return [*found, *joiner.end()]


def test_pieces_of_a_line_are_one_event() -> None:
    found = joined(
        line(1, "a", ends=False),
        line(1, "x", "stderr"),
        line(1, "b", ends=False),
        line(1, "c"),
        line(2, "$ ", ends=False),
        line(3, "d"),
    )
    assert [each.message for each in found] == ["x", "abc", "$ ", "d"]
    assert [each.mark for each in found] == [Mark(at(time), 1) for time in (1, 1, 2, 3)]
    assert found[1].timestamp == milliseconds(at(1))


def test_lines_of_one_event_are_joined() -> None:
    begins = by_pattern("^[A-Z]")
    found = joined(
        line(1, "Traceback"),
        line(2, "  at x"),
        line(3, "  at y"),
        line(4, "INFO ok"),
        begins=begins,
    )
    assert [each.message for each in found] == ["Traceback\n  at x\n  at y\n", "INFO ok\n"]
    joiner = Joiner(begins)
    assert list(joiner.feed(line(1, "INFO"), Mark(at(1), 1), 1.0)) == []
    assert list(joiner.flush(0.5)) == []
    assert [each.message for each in joiner.flush(1.5)] == ["INFO\n"]


@given(st.text(alphabet="aé😀", min_size=1, max_size=60), st.integers(4, 20))
def test_a_long_line_is_cut_between_letters(text: str, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("registry.ecs.agent.shipping.lines.EVENT_MAX", most)
        found = joined(line(1, text))
    assert "".join(each.message for each in found) == text
    assert all(len(each.message.encode()) <= most for each in found)
    assert [each.mark is None for each in found] == [True] * (len(found) - 1) + [False]


def test_a_line_has_its_bound() -> None:
    found = joined(line(1, "x" * (EVENT_MAX + 1)))
    assert [len(each.message) for each in found] == [EVENT_MAX, 1]


events = st.lists(
    st.builds(
        Event,
        st.integers(0, 3 * batching.SPAN_MAX),
        st.text(max_size=5) | st.just("x" * 200_000),
        st.just("stdout"),
        st.none(),
    ),
    max_size=30,
)


@given(events)
def test_batches_are_within_the_bounds_of_put_log_events(given_: list[Event]) -> None:
    found = list(batching.batches(given_))
    assert [event for batch in found for event in batch] == given_
    for batch in found:
        assert sum(map(batching.size_of, batch)) <= batching.BYTES_MAX
        times = [event.timestamp for event in batch]
        assert max(times) - min(times) <= batching.SPAN_MAX
        document = batching.document(batch)
        listed = [each["timestamp"] for each in document]
        assert listed == sorted(listed, key=int)
        assert all(each["message"] for each in document)


def test_batches_have_ten_thousand_events_at_most() -> None:
    found = list(batching.batches([Event(1, "x", "stdout", None)] * 25_000))
    assert [len(batch) for batch in found] == [10_000, 10_000, 5_000]


# Options.


def options(**given_: str) -> Options:
    named = {name.replace("_", "-"): value for name, value in given_.items()}
    return options_of(
        {"awslogs-group": "g"} | named, container="app", task_id="t1", runtime_id="c1"
    )


def test_the_name_of_the_stream() -> None:
    assert options(awslogs_stream_prefix="web").stream == "web/app/t1"
    assert options().stream == "c1"
    assert options(awslogs_region="eu-west-1").region == "eu-west-1"
    assert options(awslogs_create_group="true").create_group


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        ({"awslogs_group": ""}, "must specify a value for log opt 'awslogs-group'"),
        ({"other": "x"}, "unknown log opt 'other' for awslogs log driver"),
        ({"awslogs_create_group": "maybe"}, "must specify valid value for log opt"),
        ({"mode": "fast"}, "logging mode not supported: fast"),
        ({"max_buffer_size": "4m"}, "only supported with 'mode=non-blocking'"),
        ({"mode": "non-blocking", "max_buffer_size": "much"}, "invalid size: 'much'"),
        ({"awslogs_multiline_pattern": "("}, "could not parse multiline pattern key '('"),
        ({"awslogs_multiline_pattern": "(a+)+b"}, "a repetition within a repetition"),
        ({"awslogs_multiline_pattern": ".*" * 7}, "more than 6 repetitions"),
        (
            {"awslogs_multiline_pattern": "a", "awslogs_datetime_format": "%Y"},
            "at the same time",
        ),
    ],
)
def test_options_that_cannot_be(given_: dict[str, str], reason: str) -> None:
    with pytest.raises(LoggingRefused) as raised:
        options(**given_)
    text = str(raised.value)
    assert text.startswith("Error response from daemon: failed to initialize logging driver: ")
    assert reason in text


@pytest.mark.parametrize(
    ("form", "begins", "goes_on"),
    [
        ("%Y-%m-%d %H:%M:%S%L", "2026-11-03 14:05:59.123 INFO", "  at x"),
        ("[%b %d, %Y %I:%M:%S %p]", "[Nov 03, 2026 02:05:59 PM] x", "Nov 2026"),
    ],
)
def test_times_that_begin_events(form: str, begins: str, goes_on: str) -> None:
    matches = by_datetime(form)
    assert matches(begins)
    assert not matches(goes_on)
